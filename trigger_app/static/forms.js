// Forms that stay on the page: what the service says is told below them.

/** Send a request that changes something; the sentence to tell, and whether it was taken. */
export async function send(url, options = {}) {
  try {
    const headers = { Accept: "application/json", "Donebit-Form": "1" };
    const answer = await fetch(url, { method: "POST", headers, ...options });
    const body = answer.status === 204 ? {} : await answer.json();
    return { taken: answer.ok && !(body.status >= 400), said: body.detail ?? "", body };
  } catch {
    return { taken: false, said: "The service does not answer. Try again in a moment.", body: {} };
  }
}

/** What a started task is told with. */
export function tellStarted(place, { taken, said, body }) {
  if (!taken) {
    place.textContent = said;
    return;
  }
  const link = document.createElement("a");
  link.href = `/tasks/${body.task_id}`;
  link.textContent = body.task_id;
  place.replaceChildren("Task ", link, " is started.");
}

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form));
    tellStarted(form.parentElement.querySelector(".said"), await send(`${form.getAttribute("action")}?${query}`));
  });
}
