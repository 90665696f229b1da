// The worker: the model, and pictures in tiles, so that memory does not grow with them and progress can be told.

const SIDE = 512; // of a tile's core, in pixels
let opening = null;

async function open() {
  const gpu = await navigator.gpu?.requestAdapter().catch(() => null);
  const ort = await import(gpu ? "./runtime/ort.webgpu.min.mjs" : "./runtime/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
  // Browsers give threads only to pages that are isolated from others (headers COOP and COEP).
  ort.env.wasm.numThreads = self.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  const executionProviders = gpu ? ["webgpu", "wasm"] : ["wasm"];
  const session = await ort.InferenceSession.create("./model.onnx", { executionProviders });
  return { ort, session, by: gpu ? "WebGPU" : `WebAssembly (threads: ${ort.env.wasm.numThreads})` };
}

// Where a tile reads ([low, high)) and what it answers for ([start, stop)), along one side.
function* spans(size, { halo, multiple_of }) {
  const step = Math.ceil(size / (Math.ceil(size / SIDE) * multiple_of)) * multiple_of;
  for (let start = 0; start < size; start += step) {
    const stop = Math.min(start + step, size);
    const low = Math.floor(Math.max(start - halo, 0) / multiple_of) * multiple_of;
    const high = Math.min(Math.ceil((stop + halo) / multiple_of) * multiple_of, size);
    yield { low, high, start, stop };
  }
}

// Pixels of 0 to 255 as the model takes them: [1, height, width, channels] in [0, 1]. Gray as Pillow weighs it.
function cut({ data, width }, rows, columns, channels) {
  const values = new Float32Array((rows.high - rows.low) * (columns.high - columns.low) * channels);
  let i = 0;
  for (let y = rows.low; y < rows.high; y++) {
    for (let at = 4 * (y * width + columns.low); at < 4 * (y * width + columns.high); at += 4) {
      if (channels === 1) {
        values[i++] = ((data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 32768) >> 16) / 255;
      } else {
        for (let c = 0; c < 3; c++) values[i++] = data[at + c] / 255;
      }
    }
  }
  return values;
}

async function denoise({ number, picture, facts, sigma }) {
  if (number !== newest) return;
  opening ??= open();
  const { ort, session, by } = await opening;
  if (number !== newest) return;
  const begun = performance.now();
  const { width, height } = picture;
  const channels = facts.channels;
  const result = new ImageData(width, height);
  let pixels = 0;
  for (const rows of spans(height, facts)) {
    for (const columns of spans(width, facts)) {
      const [h, w] = [rows.high - rows.low, columns.high - columns.low];
      const feeds = { image: new ort.Tensor("float32", cut(picture, rows, columns, channels), [1, h, w, channels]) };
      if (facts.takes_sigma) feeds.sigma = new ort.Tensor("float32", [sigma / 255], [1, 1]);
      const { denoised } = await session.run(feeds);
      const values = await denoised.getData();
      for (let y = rows.start; y < rows.stop; y++) {
        for (let x = columns.start; x < columns.stop; x++) {
          const [from, to] = [((y - rows.low) * w + x - columns.low) * channels, 4 * (y * width + x)];
          // An array of this kind rounds and clips by itself.
          for (let c = 0; c < 3; c++) result.data[to + c] = values[from + (channels === 1 ? 0 : c)] * 255;
          result.data[to + 3] = picture.data[to + 3];
        }
      }
      denoised.dispose();
      pixels += (rows.stop - rows.start) * (columns.stop - columns.start);
      postMessage({ number, done: pixels / (width * height) });
      await new Promise((go) => setTimeout(go)); // or messages would wait for the last tile
      if (number !== newest) return;
    }
  }
  postMessage({ number, result, by, seconds: (performance.now() - begun) / 1000 });
}

// One after the other: a session answers one call at a time.
let last = Promise.resolve();
let newest = 0; // what is asked for next ends what is at work
addEventListener("message", ({ data }) => {
  newest = data.number;
  last = last.then(() => denoise(data)).catch((error) => {
    opening = null; // a lost GPU, or a runtime out of memory, never answers again
    postMessage({ number: data.number, error: String(error?.message || error) }); // the runtime throws numbers, too
  });
});
