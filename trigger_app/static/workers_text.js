// Words and figures as the view of the workers writes them.
export const numbers = new Intl.NumberFormat("en");
export const $ = (selector, within = document) => within.querySelector(selector);

// By how much the server's clock is ahead of this one's.
const ahead = Number($("#now").dataset.clock) - Date.now();

/** Write a text, if it is another: what is selected stays so, and nothing is laid out anew. */
export function put(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

export function several(number, one, many = `${one}s`) {
  return `${numbers.format(number)} ${number === 1 ? one : many}`;
}

/** How long ago something was, in its largest unit: "3 s", "12 min". */
export function age(at) {
  const seconds = Math.max(0, Math.round((Date.now() + ahead - Date.parse(at)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}
