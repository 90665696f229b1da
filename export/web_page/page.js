// The page: takes a picture, has the worker denoise it, and shows both.

const facts = JSON.parse(document.getElementById("facts").textContent);
const [drop, file, sigma, progress, message, pair, before, after, slider, download] = [
  "drop", "file", "sigma", "progress", "message", "pair", "before", "after", "slider", "download",
].map((id) => document.getElementById(id));
const worker = new Worker("worker.js", { type: "module" });
let current = 0; // the number of the picture that is wanted; answers for older ones are too late
let picture = null;

function say(state, text) {
  document.body.dataset.state = state;
  message.textContent = text;
  progress.hidden = state !== "busy";
}

async function open(blob) {
  if (!blob) return;
  const number = ++current;
  picture = null; // a new level is for the new one
  say("busy", "Reading the picture.");
  progress.removeAttribute("value");
  try {
    // The numbers in the file, as other programs see them: no conversion between colour spaces.
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    if (number !== current) return;
    for (const canvas of [before, after]) [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = before.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    picture = context.getImageData(0, 0, bitmap.width, bitmap.height);
  } catch {
    if (number !== current) return;
    say("error", "This is no picture that the browser can read; try a JPEG, PNG or WebP.");
    return;
  }
  denoise();
}

function denoise() {
  if (!picture) return;
  say("busy", "Denoising.");
  worker.postMessage({ number: ++current, picture, facts, sigma: Number(sigma.value) });
}

worker.addEventListener("message", ({ data }) => {
  if (data.number !== current) return;
  if (data.error) {
    say("error", `The picture could not be denoised: ${data.error}`);
  } else if (data.result) {
    after.getContext("2d").putImageData(data.result, 0, 0);
    after.toBlob((blob) => {
      URL.revokeObjectURL(download.href);
      download.href = URL.createObjectURL(blob);
      download.download = "denoised.png";
    });
    pair.hidden = document.getElementById("save").hidden = false;
    const { width, height } = data.result;
    say("done", `${width}×${height} pixels in ${data.seconds.toFixed(1)} seconds, by ${data.by}.`);
  } else {
    progress.value = data.done;
  }
});
worker.addEventListener("error", () => say("error", "The page is not complete: is it served over HTTP, with all files?"));

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
