/** The element marked `data-<hook>`. */
export function find(hook) {
  return document.querySelector(`[data-${hook}]`);
}

/** A new element. Text goes in as text nodes, so that nothing in it is taken for markup. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const drawn = new WeakMap();

/**
 * Give `parent` the children that `make` returns, unless `key` says that it has them: an element
 * made again would be announced, animated or lose the focus once more.
 */
export function draw(parent, key, make) {
  const text = JSON.stringify(key);
  if (drawn.get(parent) === text) return;
  drawn.set(parent, text);
  parent.replaceChildren(...make());
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
