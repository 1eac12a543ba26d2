// Every time on a page is UTC; under the pointer it is also that of the reader.

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const NAMED = ", which is ";
const OF_A_BAR = /(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) UTC/; // in the text of a bar of a chart

/** Name a moment in the reader's time zone and in UTC. */
function bothTimes(iso) {
  const moment = new Date(iso);
  const utc = moment.toISOString().replace("T", " ").slice(0, 19);
  return `${LOCAL.format(moment)}${NAMED}${utc} UTC`;
}

function showTime(time) {
  if (!time || time.title.includes(NAMED) || Number.isNaN(Date.parse(time.dateTime))) return;
  const more = time.dataset.more ? `, ${time.dataset.more}` : "";
  time.title = bothTimes(time.dateTime) + more;
}

function showBar(title) {
  const [utc, day, time] = title?.textContent.match(OF_A_BAR) ?? [];
  if (!utc || title.textContent.includes(NAMED)) return;
  title.textContent = title.textContent.replace(utc, bothTimes(`${day}T${time}Z`));
}

function show({ target }) {
  showTime(target.closest?.("time[datetime]"));
  showBar(target.closest?.(".chart g")?.querySelector("title"));
}

document.addEventListener("pointerover", show);
document.addEventListener("pointermove", show); // a part that is drawn again meanwhile has lost it
