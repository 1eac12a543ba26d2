// Forms that stay on the page: the service's answer is shown below them.
import { ROOT } from "./root.js";

export const UNAUTHORIZED = 401;
export const SIGNED_OUT = "You are signed out. Load this page again to sign in.";

// A part of the page that is redrawn is drawn for everyone at once, without the token of one session.
document.addEventListener("formdata", ({ target: form, formData }) => {
  const token = document.querySelector("meta[name=form-token]");
  if (token && form.method === "post") formData.set("form_token", token.content);
});

/** Send a request that changes something; return whether it was accepted, and the sentence to show. */
export async function send(url, options = {}) {
  try {
    const headers = { Accept: "application/json", "Donebit-Form": "1" };
    const answer = await fetch(url, { method: "POST", headers, ...options });
    const body = answer.status === 204 ? {} : await answer.json();
    if (body.status === UNAUTHORIZED) return { accepted: false, detail: SIGNED_OUT, body };
    return { accepted: answer.ok && !(body.status >= 400), detail: body.detail ?? "", body };
  } catch {
    return { accepted: false, detail: "The service is not responding. Try again in a moment.", body: {} };
  }
}

/** Say what came of a form, in sight of who has sent it: a list may be longer than the window. */
export function say(place, ...words) {
  place.replaceChildren(...words);
  if (place.textContent) place.scrollIntoView({ block: "nearest" });
}

/** Link to the task that was started, or say why there is none. */
export function showStarted(place, { accepted, detail, body }) {
  if (!accepted) {
    say(place, detail);
    return;
  }
  const link = document.createElement("a");
  link.href = `${ROOT}/tasks/${body.task_id}`;
  link.textContent = body.task_id;
  say(place, "Started task ", link, ".");
}

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    showStarted(form.parentElement.querySelector(".said"), await send(form.getAttribute("action"), { body }));
  });
}
