// Where the keyboard is, and whether that can be seen; nothing when it is nowhere.
const element = document.activeElement, style = getComputedStyle(element);
if (element === document.body) return null;
return [element.innerText || element.id, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 1];
