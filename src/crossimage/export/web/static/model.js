// The exported model: tensors in, tensors out.

import * as pixels from "./pixels.js";

const FOLDER = new URL("./", import.meta.url).href;

export class Model {
  static async load() {
    const facts = await (await fetch(`${FOLDER}model.json`)).json();
    ort.env.wasm.wasmPaths = `${FOLDER}runtime/`;
    ort.env.wasm.numThreads = 1; // more need headers that not every host sends
    const open = (name) => ort.InferenceSession.create(FOLDER + name, { executionProviders: ["wasm"] });
    const model = new Model();
    model.facts = facts;
    model.session = await open("model.onnx");
    model.mapping = facts.mapping ? await open("mapping.onnx") : null;
    return model;
  }

  // Random numbers of a seed, and with a network for styles, the style that they give.
  async style(seed, target) {
    if (!this.facts.style_dim) return null;
    if (!this.facts.random) return new Float32Array(this.facts.style_dim);
    const code = pixels.normal(seed, this.facts.code_dim);
    if (!this.mapping) return code;
    const given = { code: new ort.Tensor("float32", code, [1, code.length]) };
    this.addLabels(given, this.mapping, target);
    return (await this.mapping.run(given)).result.data;
  }

  // Translate values in [-1, 1] of channels, rows and columns, whose sides the network takes.
  async run(values, height, width, style, target) {
    const shape = [1, this.facts.channels[0], height, width];
    const given = { image: new ort.Tensor("float32", values, shape) };
    if (style && this.session.inputNames.includes("style")) {
      given.style = new ort.Tensor("float32", style, [1, style.length]);
    }
    this.addLabels(given, this.session, target);
    const { result } = await this.session.run(given);
    return { values: result.data, height: result.dims[2], width: result.dims[3] };
  }

  addLabels(given, session, target) {
    if (!session.inputNames.includes("labels")) return;
    const vector = Float32Array.from(this.facts.labels[target]);
    given.labels = new ort.Tensor("float32", vector, [1, vector.length]);
  }

  // Translate an image of a canvas, of any size: it is padded as in Python, and cut back.
  async translate(image, style, target) {
    const { facts } = this;
    const height = pixels.side(image.height, facts);
    const width = pixels.side(image.width, facts);
    const top = (height - image.height) >> 1;
    const left = (width - image.width) >> 1;
    const values = pixels.toValues(image, facts.channels[0], height, width, top, left);
    const made = await this.run(values, height, width, style, target);
    const times = facts.upscales;
    const part = [top * times, left * times, image.height * times, image.width * times];
    return pixels.toImage(made, facts.channels[1], ...part);
  }
}
