//! A plot of the product against the floor with a hop, as SVG: one bar a row and side, and the target.

use std::fmt::Write;

use super::{Goal, Row, Side};

const WIDTH: f64 = 860.0;
const LABEL: f64 = 330.0;
const BAR: f64 = 9.0;
const LINE: f64 = 30.0;
/// The right edge: so many times the floor.
const MOST: f64 = 3.0;

/// The rows that have a target against floor b.
pub(super) fn svg(rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.goal.is_some_and(Goal::against_hop) && !row.ratios.is_empty())
        .collect();
    let height = 50.0 + LINE * rows.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Termfleet against a bare WebSocket, gRPC and PTY program (1 is as that program)</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"18\">times floor b (dashed: target; \
         <tspan fill=\"#2563eb\">■</tspan> dev <tspan fill=\"#9333ea\">■</tspan> cluster)</text>\n"
    );
    let one = at(1.0);
    let _ = writeln!(
        out,
        "<line x1=\"{one}\" y1=\"26\" x2=\"{one}\" y2=\"{height}\" stroke=\"#888888\"/>"
    );
    for (line, row) in rows.into_iter().enumerate() {
        draw(&mut out, row, 34.0 + LINE * line as f64);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, row: &Row, top: f64) {
    let _ = writeln!(out, "<text x=\"8\" y=\"{}\">{}</text>", top + 14.0, row.name);
    for (index, (side, colour)) in
        [(Side::Dev, "#2563eb"), (Side::Cluster, "#9333ea")].into_iter().enumerate()
    {
        let Some(ratio) = row.ratios.get(&side) else { continue };
        let (y, end) = (top + (BAR + 1.0) * index as f64, at(*ratio));
        let _ = writeln!(
            out,
            "<rect x=\"{LABEL}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"9\">{ratio:.2}</text>",
            end - LABEL,
            end + 3.0,
            y + BAR - 1.0,
        );
    }
    if let Some(Goal::HopAtMost(goal) | Goal::HopAtLeast(goal)) = row.goal {
        let x = at(goal);
        let _ = writeln!(
            out,
            "<line x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\" stroke=\"#dc2626\" \
             stroke-dasharray=\"3 2\"/>",
            top - 3.0,
            top + 2.0 * BAR + 4.0,
        );
    }
}

fn at(ratio: f64) -> f64 {
    LABEL + (WIDTH - LABEL - 40.0) * ratio.min(MOST) / MOST
}
