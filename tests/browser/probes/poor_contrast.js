// Texts with too little contrast with their background, by the formula of WCAG 2, level AA.
const colour = (text) => text.match(/[\d.]+/g).map(Number);
const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
const light = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const [red, green, blue, opacity = 1] = colour(getComputedStyle(at).backgroundColor);
    if (opacity === 1) return [red, green, blue];
  }
  return [255, 255, 255];
};
const poor = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const words = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
  if (!words || !element.checkVisibility()) continue;
  const [a, b] = [light(colour(getComputedStyle(element).color)), light(ground(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(`${words}: ${ratio.toFixed(2)}`);
}
return poor;
