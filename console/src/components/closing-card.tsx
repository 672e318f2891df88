export const ClosingCard = () => null;
