// SPDX-License-Identifier: Apache-2.0
// MD5 (RFC 1321) of a file, in a worker: browsers have no MD5 of their own, and it is the
// checksum that the service keeps of every file. Posts { sum }, as Digest has it in base64.

const PIECE = 4 * 1024 * 1024, BLOCK = 64;
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);

export class Md5 {
  constructor() {
    this.state = Int32Array.of(0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476);
    this.held = new Uint8Array(BLOCK); // what does not fill a block yet
    this.n = 0;
  }

  add(bytes) {
    let at = 0;
    const held = this.n % BLOCK;
    this.n += bytes.length;
    if (held > 0) {
      at = Math.min(BLOCK - held, bytes.length);
      this.held.set(bytes.subarray(0, at), held);
      if (held + at < BLOCK) return;
      this.#blocks(this.held, 0, BLOCK);
    }
    const end = at + Math.floor((bytes.length - at) / BLOCK) * BLOCK;
    if (end > at) this.#blocks(bytes, at, end);
    this.held.set(bytes.subarray(end));
  }

  end() {
    const bits = this.n * 8, pad = new Uint8Array((this.n % BLOCK < 56 ? 56 : 120) - (this.n % BLOCK) + 8);
    pad[0] = 0x80;
    const view = new DataView(pad.buffer);
    view.setUint32(pad.length - 8, bits >>> 0, true);
    view.setUint32(pad.length - 4, Math.floor(bits / 2 ** 32), true);
    this.add(pad);
    return new Uint8Array(this.state.buffer);
  }

  #blocks(bytes, from, to) {
    // Words are little-endian, as on every machine a browser runs on.
    const start = bytes.byteOffset + from;
    const words = start % 4 === 0 ? new Int32Array(bytes.buffer, start, (to - from) / 4)
      : new Int32Array(bytes.slice(from, to).buffer);
    const s = this.state, k = SINES;
    let a = s[0], b = s[1], c = s[2], d = s[3];
    for (let at = 0; at < words.length; at += 16) {
      const a0 = a, b0 = b, c0 = c, d0 = d;
      let x;
      for (let i = 0; i < 16; i += 4) {
        x = (a + (d ^ (b & (c ^ d))) + words[at + i] + k[i]) | 0; a = ((x << 7 | x >>> 25) + b) | 0;
        x = (d + (c ^ (a & (b ^ c))) + words[at + i + 1] + k[i + 1]) | 0; d = ((x << 12 | x >>> 20) + a) | 0;
        x = (c + (b ^ (d & (a ^ b))) + words[at + i + 2] + k[i + 2]) | 0; c = ((x << 17 | x >>> 15) + d) | 0;
        x = (b + (a ^ (c & (d ^ a))) + words[at + i + 3] + k[i + 3]) | 0; b = ((x << 22 | x >>> 10) + c) | 0;
      }
      for (let i = 16, j = 1; i < 32; i += 4, j += 20) {
        x = (a + (c ^ (d & (b ^ c))) + words[at + (j & 15)] + k[i]) | 0; a = ((x << 5 | x >>> 27) + b) | 0;
        x = (d + (b ^ (c & (a ^ b))) + words[at + (j + 5 & 15)] + k[i + 1]) | 0; d = ((x << 9 | x >>> 23) + a) | 0;
        x = (c + (a ^ (b & (d ^ a))) + words[at + (j + 10 & 15)] + k[i + 2]) | 0; c = ((x << 14 | x >>> 18) + d) | 0;
        x = (b + (d ^ (a & (c ^ d))) + words[at + (j + 15 & 15)] + k[i + 3]) | 0; b = ((x << 20 | x >>> 12) + c) | 0;
      }
      for (let i = 32, j = 5; i < 48; i += 4, j += 12) {
        x = (a + (b ^ c ^ d) + words[at + (j & 15)] + k[i]) | 0; a = ((x << 4 | x >>> 28) + b) | 0;
        x = (d + (a ^ b ^ c) + words[at + (j + 3 & 15)] + k[i + 1]) | 0; d = ((x << 11 | x >>> 21) + a) | 0;
        x = (c + (d ^ a ^ b) + words[at + (j + 6 & 15)] + k[i + 2]) | 0; c = ((x << 16 | x >>> 16) + d) | 0;
        x = (b + (c ^ d ^ a) + words[at + (j + 9 & 15)] + k[i + 3]) | 0; b = ((x << 23 | x >>> 9) + c) | 0;
      }
      for (let i = 48, j = 0; i < 64; i += 4, j += 28) {
        x = (a + (c ^ (b | ~d)) + words[at + (j & 15)] + k[i]) | 0; a = ((x << 6 | x >>> 26) + b) | 0;
        x = (d + (b ^ (a | ~c)) + words[at + (j + 7 & 15)] + k[i + 1]) | 0; d = ((x << 10 | x >>> 22) + a) | 0;
        x = (c + (a ^ (d | ~b)) + words[at + (j + 14 & 15)] + k[i + 2]) | 0; c = ((x << 15 | x >>> 17) + d) | 0;
        x = (b + (d ^ (c | ~a)) + words[at + (j + 21 & 15)] + k[i + 3]) | 0; b = ((x << 21 | x >>> 11) + c) | 0;
      }
      a = (a + a0) | 0; b = (b + b0) | 0; c = (c + c0) | 0; d = (d + d0) | 0;
    }
    s[0] = a; s[1] = b; s[2] = c; s[3] = d;
  }
}

if (typeof WorkerGlobalScope !== "undefined" && self instanceof WorkerGlobalScope) {
  self.addEventListener("message", async ({ data: file }) => {
    try {
      const md5 = new Md5();
      for (let at = 0; at < file.size; at += PIECE) md5.add(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
      self.postMessage({ sum: btoa(String.fromCharCode(...md5.end())) });
    } catch (why) { // the file has changed or is gone
      self.postMessage({ error: String(why) });
    }
  });
}
