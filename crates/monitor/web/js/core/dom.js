/**
 * The only place that makes DOM nodes.
 *
 * Data becomes text nodes and attributes, never markup: there is deliberately no way here to pass
 * an HTML string. Widths and offsets go through the CSSOM or SVG attributes, because the page's
 * policy forbids inline styles.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * Makes an HTML element: `h('a', { class: 'btn', href, onclick }, 'Open')`.
 * @param {string} tag
 * @param {Record<string, any> | null} [props] attributes; `on…` functions become listeners, `true` an empty attribute
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, any> | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const name in props) {
    const value = props[name];
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== false && child !== null && child !== undefined));
  return node;
}

/**
 * A picture of the sprite in index.html. Always decorative: the word stands beside it.
 * @param {string} name
 * @param {string} [cls]
 */
export function icon(name, cls = '') {
  return s('svg', { class: `i ${cls}`.trim(), 'aria-hidden': 'true' }, s('use', { href: `#i-${name}` }));
}

/** Points an existing picture at another one of the sprite. */
export function setIcon(svg, name) {
  setAttr(svg.firstChild, 'href', `#i-${name}`);
}

/** Writes text only when it differs: an equal write still costs a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Writes or (for null and false) removes an attribute, only when it differs. */
export function setAttr(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

/** Replaces the whole class list, only when it differs. */
export function setClass(node, cls) {
  setAttr(node, 'class', cls);
}

/** Shows or hides an element. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Replaces all children. */
export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== false && child !== null && child !== undefined));
  return node;
}

/**
 * Saves text as a file on the reader's machine.
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
