// How far answers to one prompt agree, by model and fixture.

const AGREEMENT_GROUPS = [["greedy", "temperature 0"], ["same_seed", "one seed"], ["seeds", "a seed each"]];

function agreementChart() {
  const found = page.summary.agreements.filter((one) => seriesIsChosen(one.series));
  if (found.length === 0) return null;
  const label = (one) => `${page.series[one.series].label} · ${one.fixture}`;
  const share = (group) => `${number(group.agreement_share * 100, 0)} % (${group.distinct}/${group.answers})`;
  const seen = (one) => one.cache_seen === null ? ABSENT : `${one.cache_seen}/${one.attempts}${one.cache_changes_answer ? `, changed answers in ${one.cache_changes_answer}` : ""}`;
  return figure({
    id: "chart-agreement", title: "How far answers to one prompt agree", height: 110 + 64 * found.length,
    note: "Share of the pairs of answers that agree. Whether they are right is another question, and answers with a seed each may differ.",
    summary: found.map((one) => `${label(one)}: ${AGREEMENT_GROUPS.map(([name, words]) => `${words} ${share(one[name])}`).join(", ")}`).join("; "),
    table: [["Model and fixture", ...AGREEMENT_GROUPS.map(([, words]) => `${words}: agree (different/answers)`), "Answers /10", "Cache seen", "Cold s", "Warm s"], found.map((one) => [
      label(one), ...AGREEMENT_GROUPS.map(([name]) => share(one[name])), score(one.answer_score, 1), seen(one), number(one.cold_prefill_sec, 3), number(one.warm_prefill_sec, 3)])],
    option: () => ({
      legend: { top: 0, textStyle: { color: colour("text") } },
      grid: { left: labelWidth() + 20, right: 56, top: 34, bottom: 46 },
      xAxis: valueAxis("pairs of answers that agree, %", { min: 0, max: 100 }),
      yAxis: nameAxis(found.map(label), { inverse: true }),
      tooltip: { formatter: (item) => `${item.name}\n${item.seriesName}: ${share(found[item.dataIndex][AGREEMENT_GROUPS[item.seriesIndex][0]])}` },
      series: AGREEMENT_GROUPS.map(([name, words], place) => ({ type: "bar", name: words, data: found.map((one) => one[name].agreement_share * 100), barMaxWidth: 16, itemStyle: { color: colour(`series-${place + 1}`) }, label: { show: true, position: "right", color: colour("text"), fontSize: 11, formatter: (item) => `${number(item.value, 0)} %` } })),
    }),
  });
}
