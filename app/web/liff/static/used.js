// The clock a clerk looks at: a screenshot stands still.
export default function used(view) {
  const clock = view.querySelector("[data-clock]");
  const format = new Intl.DateTimeFormat("zh-TW", {
    timeZone: "Asia/Taipei",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const tick = () => { clock.textContent = format.format(new Date()); };
  const timer = setInterval(tick, 250);
  tick();
  return () => clearInterval(timer);
}
