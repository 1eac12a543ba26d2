// Every time on a page is UTC; under the pointer it is also that of the reader.

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const NAMED = ", which is ";

/** Name a moment in the reader's time zone and in UTC. */
function bothTimes(iso) {
  const moment = new Date(iso);
  const utc = moment.toISOString().replace("T", " ").slice(0, 19);
  return `${LOCAL.format(moment)}${NAMED}${utc} UTC`;
}

function show(event) {
  const time = event.target.closest?.("time[datetime]");
  if (!time || time.title.includes(NAMED) || Number.isNaN(Date.parse(time.dateTime))) return;
  const more = time.dataset.more ? `, ${time.dataset.more}` : "";
  time.title = bothTimes(time.dateTime) + more;
}

document.addEventListener("pointerover", show);
document.addEventListener("pointermove", show); // a part that is drawn again meanwhile has lost it
