// Runs in the page that holds the frames, once all are loaded; a report's own page has no script and allows none.
const TOLERATED = 1; // pixels of rounding
const TOUCHING = 3; // line boxes of neighbouring lines reach into each other by as much in some fonts

function shown(element, view) {
  for (let one = element; one; one = one.parentElement) {
    const style = view.getComputedStyle(one);
    if (style.visibility === "hidden" || style.display === "none" || style.clipPath !== "none") return false;
  }
  return true;
}

function textBoxes(page, view) {
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  const boxes = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("style, title") || !shown(element, view)) continue;
    const range = page.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 0) boxes.push({ node, element, box, text: node.data.trim().slice(0, 60) });
  }
  return boxes;
}

function overlapping(boxes) {
  const found = [];
  boxes.sort((a, b) => a.box.top - b.box.top);
  for (let i = 0; i < boxes.length; i++)
    for (let k = i + 1; k < boxes.length && boxes[k].box.top < boxes[i].box.bottom - TOUCHING; k++) {
      const [a, b] = [boxes[i].box, boxes[k].box];
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      if (boxes[i].node !== boxes[k].node && width > TOLERATED) found.push(`${boxes[i].text} / ${boxes[k].text}`);
    }
  return found;
}

// Words of a column that has no room: many lines, none of them wide.
function squeezed(boxes) {
  const lines = new Map();
  for (const one of boxes) lines.set(one.node, [...(lines.get(one.node) ?? []), one]);
  return [...lines.values()]
    .filter((all) => all.length > 3 && Math.max(...all.map(({ box }) => box.width)) < 70)
    .map(([first]) => first.text);
}

function numbers(color) {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
}

// Relative luminance and contrast as the Web Content Accessibility Guidelines 2.2 define them.
function luminance({ red, green, blue }) {
  const linear = [red, green, blue].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function background(element, view) {
  for (let one = element; one; one = one.parentElement) {
    const color = numbers(view.getComputedStyle(one).backgroundColor);
    if (color.alpha === 1) return color;
  }
  return { red: 255, green: 255, blue: 255 };
}

function contrast(element, view) {
  const both = [luminance(numbers(view.getComputedStyle(element).color)), luminance(background(element, view))];
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}

function layout(frame) {
  const page = frame.contentDocument;
  const view = frame.contentWindow;
  for (const one of page.querySelectorAll("details")) one.open = true;
  const width = page.documentElement.clientWidth;
  const inside = page.querySelector("main").getBoundingClientRect(); // its padding is room enough for what is drawn at an edge
  const wider = [...page.body.querySelectorAll("*")]
    .filter((one) => shown(one, view))
    .map((one) => ({ one, box: one.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && (box.right > Math.min(width, inside.right) + TOLERATED || box.left < inside.left - TOLERATED))
    .map(({ one, box }) => `${one.tagName}.${one.getAttribute("class")} ${box.left.toFixed(0)}..${box.right.toFixed(0)} of ${width}`);
  const boxes = textBoxes(page, view);
  return {
    width: frame.offsetWidth,
    wider,
    squeezed: squeezed(boxes),
    overlapping: overlapping(boxes),
    faint: boxes.filter(({ element }) => contrast(element, view) < 4.5).map(({ element, text }) => `${contrast(element, view).toFixed(1)}: ${text}`),
    dark: luminance(background(page.body, view)) < 0.1,
    texts: boxes.length,
  };
}

addEventListener("load", () => {
  const found = document.createElement("pre");
  found.id = "found";
  found.textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(layout));
  document.body.append(found);
});
