//! The measured part of a page: its tables stand between two marks, the words around them are written
//! by people.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{Row, Series, Side, digits, plot, table};

const BEGIN: &str = "<!-- bench -->\n";
const END: &str = "<!-- /bench -->";

/// What the project's first descriptions promised: the promise, its figure's key, and the most it may
/// be in that figure's unit.
const PROMISES: [(&str, &str, f64); 13] = [
    ("session creation < 100 ms (p99)", "create_p99", 100.0),
    ("command execution < 10 ms (p99)", "command_p99", 10.0),
    ("output streaming < 5 ms", "echo_200_p99", 5_000.0),
    ("focus switch < 20 ms", "focus_p99", 20.0),
    ("memory of a session < 10 MB", "session_scrolled", 10_240.0),
    ("memory of a connection < 5 MB", "idle_10000", 5_120.0),
    ("input to the terminal < 10 ms", "echo_200_p99", 10_000.0),
    ("terminal to output < 20 ms", "echo_200_p99", 20_000.0),
    ("keystroke to display, round trip < 50 ms", "echo_200_p99", 50_000.0),
    ("latency < 30 ms on average, < 100 ms (p99)", "echo_200_p99", 30_000.0),
    ("terminal response < 10 ms", "echo_200_p99", 10_000.0),
    ("WebSocket connection < 50 ms", "connect_p99", 50.0),
    ("command round trip < 100 ms", "command_p99", 100.0),
];

/// Writes the tables between the page's marks, and the plot beside it.
pub(crate) fn write(rows: &[Row], page: &Path, rounds: u32) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("no {}", page.display()))?;
    let (before, rest) = text.split_once(BEGIN).context("the page has no <!-- bench -->")?;
    let (_, after) = rest.split_once(END).context("the page has no <!-- /bench -->")?;
    let picture = page.with_extension("svg");
    let name = picture.file_name().map(PathBuf::from).unwrap_or_default();
    let body = body(rows, rounds, &name)?;
    fs::write(&picture, plot::svg(rows))?;
    fs::write(page, format!("{before}{BEGIN}{body}{END}{after}"))?;
    println!("written to {} and {}", page.display(), picture.display());
    Ok(())
}

fn body(rows: &[Row], rounds: u32, picture: &Path) -> Result<String> {
    let mut out = format!(
        "{}, {rounds} rounds; medians, least – most in brackets. **Bold** targets decide.\n\n\
         ![the product against floor b]({})\n\n\
         | measured | unit | floor a | floor b | dev | cluster | dev / b | cluster / b | target | met |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        machine()?,
        picture.display()
    );
    for row in rows {
        let side = |side| row.sides.get(&side).map(spread).unwrap_or_default();
        let ratio = |side| row.ratios.get(&side).copied().map(digits).unwrap_or_default();
        let goal = row.goal.map(|goal| goal.text()).unwrap_or_default();
        let goal = if row.deciding { format!("**{goal}**") } else { goal };
        let [direct, hop, dev, cluster] = Side::ALL.map(side);
        let (by_dev, by_cluster) = (ratio(Side::Dev), ratio(Side::Cluster));
        let (name, unit, met) = (&row.name, row.unit, table::met(row));
        writeln!(
            out,
            "| {name} | {unit} | {direct} | {hop} | {dev} | {cluster} | {by_dev} | {by_cluster} \
             | {goal} | {met} |"
        )?;
    }
    promises(&mut out, rows)?;
    Ok(out)
}

/// What was promised first, beside what was measured.
fn promises(out: &mut String, rows: &[Row]) -> Result<()> {
    out.push_str(
        "\n| promised in the first descriptions | measured as | dev | cluster | kept |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for (promise, key, most) in PROMISES {
        let Some(row) = rows.iter().find(|row| row.key == key) else { continue };
        let shown = |side| row.median(side).map(|m| format!("{} {}", digits(m), row.unit));
        let kept = row.sides.iter().filter(|(side, _)| Side::PRODUCT.contains(side));
        let kept = kept.clone().count() > 0 && kept.clone().all(|(_, s)| s.median <= most);
        writeln!(
            out,
            "| {promise} | {} | {} | {} | {} |",
            row.name,
            shown(Side::Dev).unwrap_or_default(),
            shown(Side::Cluster).unwrap_or_default(),
            if kept { "yes" } else { "no" },
        )?;
    }
    Ok(())
}

fn spread(series: &Series) -> String {
    let Series { median, least, most, rounds } = series;
    match rounds.len() {
        1 => digits(*median),
        _ => format!("{} ({} – {})", digits(*median), digits(*least), digits(*most)),
    }
}

/// What the figures were taken on.
fn machine() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1));
    let gib = memory.context("MemTotal")?.parse::<f64>()? / f64::from(1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("{model}, {cores} cores, {gib:.0} GiB, Linux {}", kernel.trim()))
}
