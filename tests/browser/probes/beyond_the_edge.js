// Elements that reach beyond the right edge of the window, hidden or not, without those for screen readers only.
return [...document.querySelectorAll("body *")]
  .filter((element) => element.checkVisibility() && !element.closest(".hidden-words, thead, .shapes"))
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
  .map((element) => element.outerHTML);
