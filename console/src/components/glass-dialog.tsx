export const GlassDialog = () => null;
