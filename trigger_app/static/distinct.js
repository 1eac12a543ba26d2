// Keeps the numbers of distinct users live.
import "./forms.js";
import { follow } from "./stream.js";

const numbers = new Intl.NumberFormat("en");

follow("/events/distinct", (now) => {
  document.querySelector("#distinct").textContent = numbers.format(now.distinct);
  document.querySelector("#today").textContent = numbers.format(now.today);
});
