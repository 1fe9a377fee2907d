// Tooltips of the front page: amounts with their currency, to the cent.
Chart.defaults.plugins.tooltip.callbacks.label = ({ dataset, parsed }) => {
  const { currency, label } = dataset;
  const format = currency ? { style: "currency", currency } : { maximumFractionDigits: 1 };
  return ` ${label}: ${new Intl.NumberFormat("en", format).format(parsed.y)}`;
};
