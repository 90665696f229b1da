"""The page that goes with an artifact: what it takes and gives, and code that runs it without this project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


COLORS = {1: "gray", 3: "red, green, blue"}


@dataclass(frozen=True)
class Facts:
    """What the code for a model depends on."""

    name: str
    channels: int
    takes_sigma: bool
    io: str = "float32"
    layout: str = "nhwc"

    @classmethod
    def of(
        cls, model: keras.Model, metadata: Mapping[str, str] | None = None, *, io: str = "float32", layout: str = "nhwc"
    ) -> Facts:
        """Of a model, by the name in its metadata if there is one."""
        name = (metadata or {}).get("name", f"{model.name}")
        return cls(name, model.inputs[0].shape[-1], len(model.inputs) > 1, io, layout)

    @property
    def mode(self) -> str:
        """Pillow's name for such images."""
        return "L" if self.channels == 1 else "RGB"

    @property
    def level(self) -> str:
        """Noise of sigma 25 on the image's scale, in code."""
        return "25" if self.io == "uint8" else "25 / 255"


def interface(facts: Facts) -> str:
    """What goes in and comes out, in words."""
    shape = {"nhwc": f"[n, height, width, {facts.channels}]", "nchw": f"[n, {facts.channels}, height, width]"}
    scale = "0 to 255" if facts.io == "uint8" else "[0, 1], not clipped on either side"
    lines = [
        f"- `image`: {facts.io} {shape[facts.layout]}, {scale};"
        f" {COLORS.get(facts.channels, f'{facts.channels} channels')}; any n, height and width from 1 on.",
    ]
    if facts.takes_sigma:
        lines.append("- `sigma`: float32 [n, 1], the standard deviation of the noise on the same scale as the image.")
    lines.append(f"- `denoised`: {facts.io}, of the same shape and scale as `image`.")
    return "\n".join(lines)


def python_onnx(facts: Facts, file: str) -> str:
    """A Python program that denoises a picture: program IN OUT."""
    return (
        "import os\nimport sys\n\n"
        'os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: else it reports to its makers\n\n'
        "import numpy as np\nimport onnxruntime\nfrom PIL import Image, ImageOps\n\n"
        f"session = onnxruntime.InferenceSession({_quoted(file)})\n"
        f"{_feeds(facts)}"
        '(denoised,) = session.run(["denoised"], feeds)\n'
        f"{_saved(facts)}"
    )


def _quoted(file: str) -> str:
    """A name as text in Python and C++."""
    return json.dumps(file, ensure_ascii=False)


def _picture(facts: Facts) -> list[str]:
    """Lines that read a picture into ``image``. Pillow would cut 16 bits to 8, and make them white."""
    if facts.channels not in (1, 3):
        return [f"image = np.load(sys.argv[1])  # uint8 (height, width, {facts.channels})"]
    return [
        "picture = ImageOps.exif_transpose(Image.open(sys.argv[1]))  # as it is looked at",
        'assert picture.mode[0] not in "IF", "expected a picture of 8 bits per channel"',
        f'image = np.asarray(picture.convert("{facts.mode}"))',
    ]


def _feeds(facts: Facts) -> str:
    """Lines that read a picture into ``feeds``."""
    batch = "image[None, :, :, None]" if facts.channels == 1 else "image[None]"
    if facts.layout == "nchw":
        batch = "image[None, None]" if facts.channels == 1 else "image.transpose(2, 0, 1)[None]"
    scale = "" if facts.io == "uint8" else " / np.float32(255)"
    lines = [
        *_picture(facts),
        f'feeds = {{"image": {batch}{scale}}}',
    ]
    if facts.takes_sigma:
        lines.append(f'feeds["sigma"] = np.array([[{facts.level}]], np.float32)  # the noise of your pictures')
    return "\n".join(lines) + "\n"


def _saved(facts: Facts) -> str:
    """Lines that write ``denoised`` to a picture."""
    first = {"nhwc": "denoised[0]", "nchw": "denoised[0].transpose(1, 2, 0)"}[facts.layout]
    if facts.channels == 1:
        first = {"nhwc": "denoised[0, :, :, 0]", "nchw": "denoised[0, 0]"}[facts.layout]
    pixels = first if facts.io == "uint8" else f"np.rint(np.clip({first}, 0, 1) * 255).astype(np.uint8)"
    if facts.channels not in (1, 3):
        return f"np.save(sys.argv[2], {pixels})\n"
    return f"pixels = {pixels}\nImage.fromarray(pixels).save(sys.argv[2])\n"


def cpp_onnx(facts: Facts, file: str) -> str:
    """A C++ program that denoises a raw picture: program IN OUT HEIGHT WIDTH."""
    kind = "uint8_t" if facts.io == "uint8" else "float"
    shape = {"nhwc": f"{{1, height, width, {facts.channels}}}", "nchw": f"{{1, {facts.channels}, height, width}}"}
    inputs, names = "&image, 1", '{"image"}'
    sigma = ""
    if facts.takes_sigma:
        level = facts.level.replace("25", "25.0f", 1)
        sigma = (
            f"  float level = {level};\n  std::array<int64_t, 2> one{{1, 1}};\n"
            "  Ort::Value sigma = Ort::Value::CreateTensor<float>(memory, &level, 1, one.data(), 2);\n"
            "  std::array<Ort::Value, 2> feeds{std::move(image), std::move(sigma)};\n"
        )
        inputs, names = "feeds.data(), 2", '{"image", "sigma"}'
    includes = "#include <array>\n" if facts.takes_sigma else ""
    return (
        f"{includes}#include <cstdlib>\n#include <fstream>\n#include <vector>\n"
        "#include <onnxruntime_cxx_api.h>\n"
        f"// IN OUT HEIGHT WIDTH; IN and OUT hold {facts.io} values, {facts.layout.upper()}, and nothing else.\n"
        "// ORT_DISABLE_TELEMETRY=1 in the environment keeps ONNX Runtime from reporting to its makers.\n"
        "int main(int argc, char** argv) {\n"
        "  if (argc != 5) return 2;\n"
        "  int64_t height = std::atoll(argv[3]), width = std::atoll(argv[4]);\n"
        "  if (height < 1 || width < 1) return 2;\n"
        f"  std::vector<{kind}> pixels(height * width * {facts.channels});\n"
        f"  size_t bytes = pixels.size() * sizeof({kind});\n"
        "  std::ifstream in_file(argv[1], std::ios::binary);\n"
        "  if (!in_file.read(reinterpret_cast<char*>(pixels.data()), bytes)) return 1;  // missing, or too short\n"
        "  Ort::Env env;\n"
        f"  Ort::Session session(env, ORT_TSTR({_quoted(file)}), Ort::SessionOptions{{}});\n"
        "  auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);\n"
        f"  std::vector<int64_t> shape{shape[facts.layout]};\n"
        f"  Ort::Value image = Ort::Value::CreateTensor<{kind}>(\n"
        "      memory, pixels.data(), pixels.size(), shape.data(), 4);\n"
        f"{sigma}"
        f'  const char *in[] = {names}, *out[] = {{"denoised"}};\n'
        f"  auto result = session.Run(Ort::RunOptions{{}}, in, {inputs}, out, 1);\n"
        f"  auto denoised = reinterpret_cast<const char*>(result[0].GetTensorData<{kind}>());\n"
        "  std::ofstream out_file(argv[2], std::ios::binary);\n"
        "  return out_file.write(denoised, bytes) && out_file.flush() ? 0 : 1;\n"
        "}\n"
    )


def python_saved_model(facts: Facts, version: str) -> str:
    """A Python program that denoises a picture: program IN OUT."""
    sigma = ", sigma=tf.constant([[25.0]])" if facts.takes_sigma else ""
    return (
        "import sys\n\nimport tensorflow as tf\n\n"
        f'model = tf.saved_model.load("{version}")\n'
        "content = tf.constant([tf.io.read_file(sys.argv[1]).numpy()])\n"
        f'denoised = model.signatures["encoded"](image_bytes=content{sigma})["denoised_bytes"]\n'
        "tf.io.write_file(sys.argv[2], denoised[0])  # a PNG\n"
    )


def python_triton(facts: Facts) -> str:
    """A Python program that asks a server on this machine: program IN OUT."""
    kind, scale = ("UINT8", "") if facts.io == "uint8" else ("FP32", " / np.float32(255)")
    batch = "image[None, :, :, None]" if facts.channels == 1 else "image[None]"
    lines = [
        "import sys\n\nimport numpy as np\nimport tritonclient.grpc as triton\nfrom PIL import Image, ImageOps\n",
        *_picture(facts),
        f"batch = {batch}{scale}",
        f'inputs = [triton.InferInput("image", batch.shape, "{kind}")]',
        "inputs[0].set_data_from_numpy(batch)",
    ]
    if facts.takes_sigma:
        lines.append('inputs.append(triton.InferInput("sigma", [1, 1], "FP32"))')
        lines.append(f"inputs[1].set_data_from_numpy(np.array([[{facts.level}]], np.float32))")
    lines.append(f'answer = triton.InferenceServerClient("localhost:8001").infer("{facts.name}", inputs)')
    lines.append('denoised = answer.as_numpy("denoised")')
    return "\n".join(lines) + "\n" + _saved(facts)


def python_openvino(facts: Facts, file: str) -> str:
    """A Python program that denoises a picture: program IN OUT."""
    return (
        "import sys\n\nimport numpy as np\nimport openvino\nfrom PIL import Image, ImageOps\n\n"
        'exact = {"INFERENCE_PRECISION_HINT": "f32"}  # or else, where the processor has it, bfloat16\n'
        f'model = openvino.Core().compile_model({_quoted(file)}, "AUTO", exact)\n'
        f"{_feeds(facts)}"
        'denoised = model(feeds)["denoised"]\n'
        f"{_saved(facts)}"
    )


def python_litert(facts: Facts, file: str) -> str:
    """A Python program that denoises a picture: program IN OUT."""
    name = '"image"'
    if facts.takes_sigma:
        name = '"sigma" if "sigma" in part["name"] else "image"'
    return (
        "import sys\n\nimport numpy as np\n"
        "from ai_edge_litert.interpreter import Interpreter\nfrom PIL import Image, ImageOps\n\n"
        f"model = Interpreter({_quoted(file)})\n"
        f"{_feeds(facts)}"
        f"inputs = {{part['index']: feeds[{name}] for part in model.get_input_details()}}\n"
        "for index, value in inputs.items():\n"
        "    model.resize_tensor_input(index, value.shape)\n"
        "model.allocate_tensors()\n"
        "for index, value in inputs.items():\n"
        "    model.set_tensor(index, value)\n"
        "model.invoke()\n"
        'denoised = model.get_tensor(model.get_output_details()[0]["index"])\n'
        f"{_saved(facts)}"
    )


def page(facts: Facts, what: str, *programs: tuple[str, str, str], note: str = "") -> str:
    """The page. Programs: (title, language of the block, code)."""
    parts = [f"# {facts.name}: {what}", interface(facts), *([note] if note else [])]
    parts += [f"## {title}\n\n```{language}\n{code}```" for title, language, code in programs]
    parts.append("How it compares with the model that it was made from stands in the report beside it.")
    return "\n\n".join(parts) + "\n"


def onnx_page(facts: Facts, what: str, file: str) -> str:
    """The page of an ONNX file."""
    return page(
        facts,
        what,
        ("Python (numpy, Pillow, onnxruntime)", "python", python_onnx(facts, file)),
        ("C++ (ONNX Runtime)", "cpp", cpp_onnx(facts, file)),
    )
