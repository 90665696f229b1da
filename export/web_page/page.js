// The page: takes a picture, has the worker denoise it, and shows both.

const facts = JSON.parse(document.getElementById("facts").textContent);
const [drop, file, sigma, progress, message, pair, slider, save, download] = [
  "drop", "file", "sigma", "progress", "message", "pair", "slider", "save", "download",
].map((id) => document.getElementById(id));
const worker = new Worker("worker.js", { type: "module" });
let current = 0; // the number of the picture that is wanted; answers for older ones are too late
let [picture, before, after] = [null, null, null]; // the pixels, and what they and the result are drawn by
let broken = ""; // why there is no worker

function say(state, text) {
  document.body.dataset.state = state;
  message.textContent = text;
  progress.hidden = state !== "busy";
}

// Nothing is to be saved until it is the result of what is shown.
function busy(text) {
  say("busy", text);
  progress.removeAttribute("value");
  save.hidden = true;
  URL.revokeObjectURL(download.href);
  download.removeAttribute("href");
}

// A canvas in place of the one there, of a size; null if the browser has none as large. Such a one throws nothing, but
// has no pixels, and never has any again.
function canvas(id, width, height) {
  const old = document.getElementById(id);
  const made = old.cloneNode();
  old.replaceWith(made);
  [made.width, made.height] = [width, height];
  const context = made.getContext("2d", { willReadFrequently: true });
  context.fillRect(width - 1, height - 1, 1, 1);
  const works = context.getImageData(width - 1, height - 1, 1, 1).data[3] === 255;
  context.clearRect(width - 1, height - 1, 1, 1);
  return works ? context : null;
}

async function open(blob) {
  if (!blob) return;
  const number = ++current;
  picture = null; // a new level is for the new one
  pair.hidden = true;
  busy("Reading the picture.");
  let bitmap;
  try {
    // The numbers in the file, as other programs see them: no conversion between colour spaces.
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    if (number === current) say("error", "This is no picture that the browser can read; try a JPEG, PNG or WebP.");
    return;
  }
  if (number !== current) return;
  const { width, height } = bitmap;
  try {
    [before, after] = ["before", "after"].map((id) => canvas(id, width, height));
    before.drawImage(bitmap, 0, 0);
    picture = before.getImageData(0, 0, width, height);
  } catch { // said below
  } finally {
    bitmap.close();
  }
  if (after === null) picture = null;
  if (picture) denoise();
  else say("error", `The picture, of ${width}×${height} pixels, is too large for this browser; try a smaller one.`);
}

function denoise() {
  if (!picture) return;
  busy("Denoising.");
  if (broken) say("error", broken);
  else worker.postMessage({ number: ++current, picture, facts, sigma: Number(sigma.value) });
}

function show({ number, result, seconds, by }) {
  after.putImageData(result, 0, 0);
  pair.hidden = false;
  after.canvas.toBlob((blob) => {
    if (number !== current) return;
    if (!blob) return say("error", "The browser has no memory left for the result; try a smaller picture.");
    download.href = URL.createObjectURL(blob);
    download.download = "denoised.png";
    save.hidden = false;
    say("done", `${result.width}×${result.height} pixels in ${seconds.toFixed(1)} seconds, by ${by}.`);
  });
}

worker.addEventListener("message", ({ data }) => {
  if (data.number !== current) return;
  if (data.error) say("error", `The picture could not be denoised (${data.error}); try a smaller one.`);
  else if (data.result) show(data);
  else progress.value = data.done;
});
worker.addEventListener("error", () => {
  broken = "The page is not complete: is it served with all of its files?";
  say("error", broken);
});

file.addEventListener("change", () => open(file.files[0]));
addEventListener("paste", (event) => open([...event.clipboardData.files].find((item) => item.type.startsWith("image/"))));
addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
addEventListener("dragleave", () => drop.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  open(event.dataTransfer.files[0]);
});
slider.addEventListener("input", () => pair.style.setProperty("--at", `${slider.value}%`));
document.getElementById("level").hidden = !facts.takes_sigma;
sigma.addEventListener("input", () => { document.getElementById("shown").textContent = sigma.value; });
sigma.addEventListener("change", denoise);
