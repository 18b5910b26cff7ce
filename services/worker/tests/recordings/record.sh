#!/usr/bin/env bash
# Records programs for the emulator's tests: `record.sh mc nano tmux` runs each in a pseudo-terminal of 80x24,
# types what a person would, and writes all that it printed to NAME.out. Needs the programs and util-linux's
# `script`. What is recorded differs each time: look at it before it is kept. Nothing here runs in tests.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'tmux -L "recording-$$" kill-server 2>/dev/null || true; rm -rf "$scratch"' EXIT

# What is typed, one call a burst: a person waits for the program to draw.
type() { printf '%b' "$1"; sleep "${2:-0.4}"; }
up='\eOA' down='\eOB' right='\eOC' home='\eOH' end='\eOF' page_up='\e[5~' page_down='\e[6~'

# Files to look at and to edit, the same for everybody.
make_files() {
  mkdir -p "$scratch/home/src" "$scratch/home/docs" "$scratch/home/very-long-directory-name-that-has-to-be-cut"
  cd "$scratch/home"
  for n in $(seq 1 60); do printf 'fn number_%d() -> u32 { %d } // Zeile %d: äöü, 漢字, e\xcc\x81, ✅\n' "$n" "$n" "$n"; done > src/numbers.rs
  for n in $(seq 1 30); do echo "$n bottles" > "docs/bottle-$n.txt"; done
  printf '#!/bin/sh\n# A script with "quotes", $variables and a\ttab.\nif [ "$1" = yes ]; then\n\techo "yes: ${HOME}" | tr a-z A-Z\nfi\n' > hello.sh
  chmod +x hello.sh
  ln -s hello.sh link
  mkdir -p .config/mc; printf '[Midnight-Commander]\nuse_internal_edit=true\n' > .config/mc/ini
  echo 'include /usr/share/nano/*.nanorc' > .nanorc
  touch '漢字.txt' 'äöü.txt'
}

mc_keys() {
  type '' 1.5
  type "$down$down$down"; type '\t'; type "$down\r" 0.6                # into a directory of the other panel
  type "$page_down"; type "$end"; type "$up\e[2~$down\e[2~"            # Insert marks files
  type "$home\r"; type '\t'                                            # out again, back to the first panel
  type "$down$down\e3" 0.8                                             # F3: view
  type "$page_down"; type '\e[20~'; type '\e0' 0.6                     # F9, then F10
  type '\e9' 0.6; type "$right$right"; type "$down$down"; type '\e\e' 0.8   # the menus
  type '\e7' 0.6; type 'new directory'; type '\r' 0.6                  # F7: a dialog over the panels
  type '\x0f' 0.8; type 'ls --color=always\r' 0.8; type '\x0f' 0.8     # Ctrl-O: the shell beneath, and back
  type '\e8' 0.6; type "$right"; type '\e\e' 0.8                       # F8: a red warning, declined
  type "$down"; type '\e4' 1; type "$down${end}typed here\r"; type '\e[21~' 0.6      # F4: its editor; F10
  type "$right\r" 0.6                                                  # not to be saved
  type '\e0' 0.6; type '\r' 0.6
}

nano_keys() {
  type '' 1
  type "$down$down$end"; type '  # äöü 漢字 e\xcc\x81 ✅ typed'; type '\r'
  type 'a line much too long for eighty columns, so that nano has to wrap it as one types it, softly'; type "$home"
  type "$page_down"; type "$page_down"; type '\eu' ; type '\ee'        # undo, redo
  type '\x17'; type 'echo\r' 0.6                                       # Ctrl-W: search
  type '\ea'; type "$right$right$right$down"; type '\e6'; type '\x15'  # mark, copy, paste
  type '\x0b'; type '\x0b'                                             # cut lines
  type '\ex'; type '\ex'; type '\en'; type '\ep'                       # help lines, line numbers, whitespace
  type '\x07' 0.8; type "$page_down"; type '\x18' 0.6                  # the help screen
  type '\x0f' 0.5; type '\x03' 0.5                                     # save? no
  type '\x18' 0.5; type 'n' 0.5
}

tmux_keys() {
  type '' 1
  type 'PS1="\\$ "; clear\r' 0.6
  type 'for n in $(seq 1 60); do printf "\\033[3%dmline %d\\033[m äöü 漢字\\n" $((n % 8)) $n; done\r' 0.8
  type '\x02%' 0.8; type 'PS1="\\$ "; cat ../home/hello.sh\r' 0.6      # beside one another
  type '\x02"' 0.8; type 'PS1="\\$ "; seq 1 40\r' 0.6                  # and above one another
  type '\x02\e[D' 0.5                                                  # the left pane
  type '\x02[' 0.6; type "$page_up" 0.5; type "$page_up" 0.5           # copy mode: scrolls
  type "$up$up$up" 0.5; type "$page_down" 0.5
  type '\x13line 4' 0.6; type '\r' 0.5; type 'n' 0.5         # searches: matches are marked
  type '\x00' 0.3; type "$down$down$right$right" 0.5                   # a selection
  type '\ew' 0.6; type '\x02]' 0.6; type '\x03' 0.5                    # copied, pasted, given up
  type '\x02z' 0.6; type 'ls --color=always -la ../home\r' 0.6; type '\x02z' 0.6  # one pane large and small again
  type '\x02\e[1;5C' 0.3; type '\x02\e[1;5C' 0.3; type '\x02 ' 0.6     # borders move, another layout
  type '\x02c' 0.8; type 'PS1="\\$ "; vim -u NONE ../home/src/numbers.rs\r' 1     # a second window
  type '\x06' 0.5; type '\x06' 0.5; type 'ddp' 0.4; type ':q!\r' 0.6
  type '\x02w' 0.8; type "$up" 0.5; type '\r' 0.6                      # the tree of windows
  type '\x02:' 0.4; type 'display-message "hello"\r' 0.5               # the command line
  type '\x02t' 1; type 'q' 0.5                                         # a clock
  type '\x02,' 0.4; type ' renamed\r' 0.6; type '\x02q' 1.2            # the status line; panes' numbers
  type '\x02x' 0.4; type 'y' 0.6; type '\x02d' 0.6
}

mc_command() { echo "mc --nosubshell --nomouse --skin default src docs"; }
nano_command() { echo "nano --syntax=sh --linenumbers --softwrap hello.sh"; }
tmux_command() { echo "tmux -L recording-$$ -f /dev/null new-session -s rec sh"; }

record() {
  local name=$1
  cd "$scratch/home"
  "${name}_keys" | env -i PATH="$PATH" HOME="$scratch/home" TERM=xterm-256color LANG=C.UTF-8 SHELL=/bin/sh PS1='$ ' \
    script --quiet --return --flush --command "stty cols 80 rows 24; exec timeout --foreground 90 $("${name}_command")" "$scratch/typescript" >/dev/null || true
  # Between the first line and the last is what was printed.
  sed -e '1d' "$scratch/typescript" | head -c -1 | sed -e '$d' > "$here/$name.out"
  echo "$name: $(wc -c < "$here/$name.out") bytes"
}

make_files
for name in "$@"; do record "$name"; done
