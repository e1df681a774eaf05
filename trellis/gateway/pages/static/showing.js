// Words and numbers as the page shows them.

export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

export function readable(name) {
  const words = name.replace(/_+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function megabytes(bytes) {
  return (bytes / 1048576).toFixed(1);
}

// An answer in one line: its label with the confidence, or its outputs.
export function inShort(answer) {
  if (answer.outputs) return Object.values(answer.outputs).map((data) => data.join(", ")).join("; ");
  return `${readable(answer.label)}, ${percent(answer.confidence)}`;
}

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

// A small JPEG of a picture as a data URL; "" where the browser cannot read it.
export async function thumbnail(file, side = 56) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return "";
  }
  const scale = side / Math.min(picture.width, picture.height);
  const canvas = element("canvas", { width: side, height: side });
  const [width, height] = [picture.width * scale, picture.height * scale];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, side, side);
  pen.drawImage(picture, (side - width) / 2, (side - height) / 2, width, height);
  picture.close();
  return canvas.toDataURL("image/jpeg", 0.6);
}
