// Paper scale of the screen: a CSS pixel is 1/96 inch by definition, 25.4 mm to the inch.
export const PX_PER_MM = 96 / 25.4;
export const MM_PER_SECOND = 25;
export const MM_PER_MV = 10;
export const PX_PER_MS = (PX_PER_MM * MM_PER_SECOND) / 1000;
// Blank stretch ahead of the newest sample.
export const ERASE_MM = 8;
