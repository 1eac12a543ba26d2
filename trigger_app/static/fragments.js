// Parts of the page that the server draws: what it sends is laid over what is there, node by node, so that
// focus, selection and the pointer stay where they are.

/** Make the children of `place` those of `html`. */
export function lay(place, html) {
  const drawn = document.createElement("template");
  drawn.innerHTML = html;
  renewChildren(place, drawn.content);
}

function renewChildren(place, drawn) {
  const wanted = [...drawn.childNodes];
  let at = place.firstChild;
  for (const node of wanted) {
    const known = find(at, node);
    if (known) {
      if (known !== at) place.insertBefore(known, at);
      renew(known, node);
      at = known.nextSibling;
    } else {
      place.insertBefore(node, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// The node that stands for this one: the next of its kind, or, of things with an id, the one with its id.
function find(at, node) {
  const id = node.dataset?.id;
  if (id !== undefined) {
    for (let known = at; known; known = known.nextSibling) if (known.dataset?.id === id) return known;
    return null;
  }
  return at && at.nodeName === node.nodeName && at.dataset?.id === undefined ? at : null;
}

function renew(known, drawn) {
  if (known.nodeType !== Node.ELEMENT_NODE) {
    if (known.nodeValue !== drawn.nodeValue) known.nodeValue = drawn.nodeValue;
    return;
  }
  // What a reader has opened stays open.
  for (const name of known.getAttributeNames()) if (name !== "open" && !drawn.hasAttribute(name)) known.removeAttribute(name);
  for (const { name, value } of drawn.attributes) {
    if (known.getAttribute(name) !== value) known.setAttribute(name, value);
  }
  renewChildren(known, drawn);
}
