// Elements that a person can use.
return [...document.querySelectorAll("a[href], button, summary, input:not([type=hidden]), [tabindex='0']")]
  .filter((element) => element.checkVisibility())
  .map((element) => element.innerText || element.id);
