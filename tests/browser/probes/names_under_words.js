// Rows in which the name of a sync and the word for its condition overlap.
return [...document.querySelectorAll(".syncs tbody tr")]
  .filter((row) => {
    const word = row.querySelector(".condition").getBoundingClientRect();
    return [...row.querySelector("th a").getClientRects()]
      .some((line) => line.right > word.left && line.top < word.bottom && line.bottom > word.top);
  })
  .map((row) => row.innerText);
