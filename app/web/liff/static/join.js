// Joining: a code that sends itself when complete, a button that waits, guardians for the young.
export default function join(view) {
  const timers = [];

  for (const field of view.querySelectorAll("[data-submit-at]")) {
    field.addEventListener("input", () => {
      const digits = field.value.normalize("NFKC").replace(/[^0-9]/g, "");
      if (digits !== field.value) field.value = digits;
      if (digits.length === Number(field.dataset.submitAt)) field.form.requestSubmit();
    });
  }

  for (const button of view.querySelectorAll("[data-wait]")) {
    const words = button.textContent;
    const ends = performance.now() + Number(button.dataset.wait) * 1000;
    const count = () => {
      const left = Math.ceil((ends - performance.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? `${words}（${left} 秒）` : words;
      if (left <= 0) clearInterval(timer);
    };
    const timer = setInterval(count, 500);
    timers.push(timer);
    count();
  }

  const form = view.querySelector("[data-adult]");
  if (form) watchAge(form);
  return () => timers.forEach(clearInterval);
}

function watchAge(form) {
  const [year, month, day] = ["year", "month", "day"].map((name) => form.elements[name]);
  const guardian = form.querySelector("[data-guardian]");
  const today = form.dataset.today.split("-").map(Number);

  function shorten() {
    const days = new Date(Number(year.value) || 2000, Number(month.value) || 1, 0).getDate();
    for (const option of day.options) option.hidden = Number(option.value) > days;
    if (Number(day.value) > days) day.value = "";
  }

  function check() {
    shorten();
    if (!year.value || !month.value || !day.value) return;
    const isBefore = today[1] < Number(month.value)
      || (today[1] === Number(month.value) && today[2] < Number(day.value));
    const age = today[0] - Number(year.value) - (isBefore ? 1 : 0);
    guardian.hidden = age >= Number(form.dataset.adult);
    if (guardian.hidden) for (const field of guardian.querySelectorAll("input")) field.value = "";
  }

  for (const field of [year, month, day]) field.addEventListener("change", check);
}
