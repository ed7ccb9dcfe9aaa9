// Start: fill the sections of the page from the numbers embedded in it.

const numbers = JSON.parse(document.getElementById("numbers").textContent);
showErrors(document.getElementById("errors"), numbers.errors);
if (numbers.fields) {
  const section = document.getElementById("fields");
  section.hidden = false;
  showFields(section, document.getElementById("spectra"), numbers.fields, numbers.spectra);
}
const finished = () => (document.documentElement.dataset.ready = "true");
if (numbers.live) showLive(document.getElementById("live"), numbers.live).then(finished);
else finished();
