"""The page that goes with an artifact: what it takes and gives, and code that runs it without this project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


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


def interface(facts: Facts) -> str:
    """What goes in and comes out, in words."""
    shape = {"nhwc": f"[n, height, width, {facts.channels}]", "nchw": f"[n, {facts.channels}, height, width]"}
    scale = "0 to 255" if facts.io == "uint8" else "[0, 1], not clipped on either side"
    lines = [
        f"- `image`: {facts.io} {shape[facts.layout]}, {scale};"
        f" {'gray' if facts.channels == 1 else 'red, green, blue'}; any n, height and width from 1 on.",
    ]
    if facts.takes_sigma:
        lines.append("- `sigma`: float32 [n, 1], the standard deviation of the noise on the same scale as the image.")
    lines.append(f"- `denoised`: {facts.io}, of the same shape and scale as `image`.")
    return "\n".join(lines)


def python_onnx(facts: Facts, file: str) -> str:
    """A Python program that denoises a picture: program IN OUT."""
    mode = "L" if facts.channels == 1 else "RGB"
    lines = [
        "import sys",
        "",
        "import numpy as np",
        "import onnxruntime",
        "from PIL import Image",
        "",
        f'session = onnxruntime.InferenceSession("{file}")',
        f'image = np.asarray(Image.open(sys.argv[1]).convert("{mode}"))',
    ]
    batch = "image[None, :, :, None]" if facts.channels == 1 else "image[None]"
    if facts.layout == "nchw":
        batch = "image[None, None]" if facts.channels == 1 else "image.transpose(2, 0, 1)[None]"
    lines.append(f'feeds = {{"image": {batch}{"" if facts.io == "uint8" else " / np.float32(255)"}}}')
    if facts.takes_sigma:
        level = "25" if facts.io == "uint8" else "25 / 255"
        lines.append(f'feeds["sigma"] = np.array([[{level}]], np.float32)  # the noise of your pictures')
    lines.append('(denoised,) = session.run(["denoised"], feeds)')
    single = {"nhwc": "denoised[0]", "nchw": "denoised[0].transpose(1, 2, 0)"}[facts.layout]
    if facts.channels == 1:
        single = {"nhwc": "denoised[0, :, :, 0]", "nchw": "denoised[0, 0]"}[facts.layout]
    if facts.io == "uint8":
        lines.append(f"Image.fromarray({single}).save(sys.argv[2])")
    else:
        lines.append(f"pixels = np.rint(np.clip({single}, 0, 1) * 255).astype(np.uint8)")
        lines.append("Image.fromarray(pixels).save(sys.argv[2])")
    return "\n".join(lines) + "\n"


def cpp_onnx(facts: Facts, file: str) -> str:
    """A C++ program that denoises a raw picture: program IN OUT HEIGHT WIDTH."""
    kind = "uint8_t" if facts.io == "uint8" else "float"
    shape = {"nhwc": f"{{1, height, width, {facts.channels}}}", "nchw": f"{{1, {facts.channels}, height, width}}"}
    inputs, names = "&image, 1", '{"image"}'
    sigma = ""
    if facts.takes_sigma:
        level = "25.0f" if facts.io == "uint8" else "25.0f / 255"
        sigma = (
            f"  float level = {level};\n  std::array<int64_t, 2> one{{1, 1}};\n"
            "  Ort::Value sigma = Ort::Value::CreateTensor<float>(memory, &level, 1, one.data(), 2);\n"
            "  std::array<Ort::Value, 2> feeds{std::move(image), std::move(sigma)};\n"
        )
        inputs, names = "feeds.data(), 2", '{"image", "sigma"}'
    includes = "#include <array>\n" if facts.takes_sigma else ""
    return (
        f"{includes}#include <fstream>\n#include <iterator>\n#include <vector>\n#include <onnxruntime_cxx_api.h>\n"
        "int main(int, char** argv) {  // raw pixels, " + facts.io + "\n"
        "  int64_t height = std::stoll(argv[3]), width = std::stoll(argv[4]);\n"
        f"  std::vector<{kind}> pixels(height * width * {facts.channels});\n"
        f"  size_t bytes = pixels.size() * sizeof({kind});\n"
        "  std::ifstream(argv[1], std::ios::binary).read(reinterpret_cast<char*>(pixels.data()), bytes);\n"
        "  Ort::Env env;\n"
        f'  Ort::Session session(env, "{file}", Ort::SessionOptions{{}});\n'
        "  auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);\n"
        f"  std::vector<int64_t> shape{shape[facts.layout]};\n"
        f"  Ort::Value image = Ort::Value::CreateTensor<{kind}>(\n"
        "      memory, pixels.data(), pixels.size(), shape.data(), 4);\n"
        f"{sigma}"
        f'  const char *in[] = {names}, *out[] = {{"denoised"}};\n'
        f"  auto result = session.Run(Ort::RunOptions{{}}, in, {inputs}, out, 1);\n"
        f"  auto denoised = reinterpret_cast<const char*>(result[0].GetTensorData<{kind}>());\n"
        "  std::ofstream(argv[2], std::ios::binary).write(denoised, bytes);\n"
        "}\n"
    )


def page(facts: Facts, what: str, *programs: tuple[str, str, str]) -> str:
    """The page. Programs: (title, language of the block, code)."""
    parts = [f"# {facts.name}: {what}", interface(facts)]
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
