// The element with the focus, and whether its outline is visible; null if no element has the focus.
const element = document.activeElement, style = getComputedStyle(element);
if (element === document.body) return null;
return [element.innerText || element.id, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 1];
