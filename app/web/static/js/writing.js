// Help while a letter is written: a member's own values at the cursor, a choice that follows a date.
for (const button of document.querySelectorAll("[data-insert]")) {
  const field = document.getElementById(button.dataset.into);
  field.setSelectionRange(field.value.length, field.value.length); // until somebody sets the cursor
  button.addEventListener("click", () => {
    field.focus();
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

// A chosen picture is put on at once; without this, the button beside it does it.
for (const field of document.querySelectorAll("[data-presses]")) {
  const button = document.getElementById(field.dataset.presses);
  field.addEventListener("change", () => field.form.requestSubmit(button));
}

for (const field of document.querySelectorAll("[data-picks]")) {
  field.addEventListener("input", () => {
    document.getElementById(field.dataset.picks).checked = true;
  });
}
