export const GlassBanner = () => null;
