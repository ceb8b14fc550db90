# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Making, starting and stopping an instance that lives below one directory. Sourced by
# testbed and serve (bash, set -euo pipefail); they set
#
#   top   the source tree          dir   the instance, an absolute path
#   build the build tree, or empty for the release preset
#   port, plain_port, n_locations, write_quorum, io, settings=()   (instance_new)
#
# An instance holds ca.pem and ca.key, server.pem and server.key, USER.pem and USER.pass,
# quartet.conf, meta, loc1..loc4, quartetd.pid, quartetd.log, access.log, env.

users=(admin alice bob carol)
authority=example.org

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

# The programs: sets daemon and tool. Without a build tree given, packages are installed
# and the release preset is built when they are missing or older than the sources.
instance_programs() {
	if [ -z "$build" ]; then
		build=$top/build/release
		instance_build
	fi
	daemon=$build/service/quartetd tool=$build/service/tool/quartet
	[ -x "$daemon" ] && [ -x "$tool" ] || die "no programs in $build"
}

instance_build() {
	local log=$top/build/release.log
	mkdir -p "$top/build"
	# Two may start at once: one of them installs and builds, the other finds it done.
	exec 9>"$top/build/.lock"
	flock 9
	"$top/scripts/install-packages" build serve || die "packages are missing"
	if [ ! -f "$build/build.ninja" ]; then
		(cd "$top" && cmake --preset release) >"$log" 2>&1 ||
			{ cat "$log" >&2; die "cmake failed"; }
	fi
	if [ -t 1 ]; then # somebody waits for it
		cmake --build "$build" --target quartetd quartet quartet-fits || die "the build failed"
	else
		cmake --build "$build" --target quartetd quartet quartet-fits >"$log" 2>&1 ||
			{ cat "$log" >&2; die "the build failed"; }
	fi
	exec 9>&-
}

# Certificates and passwords.
instance_secrets() {
	local user arguments=()
	for user in "${users[@]}"; do
		arguments+=(--user "$user=CN=$user,OU=users,O=$authority")
	done
	"$top/scripts/make-test-ca" "$dir" "${arguments[@]}" >"$dir/ca.log" 2>&1 ||
		{ cat "$dir/ca.log" >&2; die "cannot make certificates"; }
	for user in "${users[@]}"; do
		[ -s "$dir/$user.pass" ] || (umask 077 && openssl rand -hex 12 >"$dir/$user.pass")
	done
}

has_ipv6() { grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; }

# N ports nobody listens on. Not from the range the kernel takes for outgoing connections,
# so that a port is still free when its instance starts again.
free_ports() { # N
	python3 - "$1" <<'EOF'
import random, socket, sys
ports = []
while len(ports) < int(sys.argv[1]):
    port = random.randrange(20000, 32000)
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    if port not in ports:
        ports.append(port)
print(*ports)
EOF
}

# Servers share a port without a word (SO_REUSEPORT), so it has to be asked for.
is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A value as quartet.conf wants it: a list's items are parted by commas.
config_value() { # KEY VALUE
	local text=${2//\\/\\\\} item items out=""
	text=${text//\"/\\\"}
	if ! grep -q "^LIST($1," "$top/conf/settings.def"; then
		echo "\"$text\""
		return
	fi
	IFS=, read -ra items <<<"$text"
	for item in ${items[@]+"${items[@]}"}; do out+="${out:+, }\"$item\""; done
	echo "{$out}"
}

instance_config() {
	local i pair key locations="" listen="127.0.0.1:$port"
	local hosts="localhost:$port,127.0.0.1:$port"
	local -A value
	local order=(resource_id hosts listen_tls tls_certificate tls_key client_ca user_ca_certificate
		user_ca_key admin_socket
		access_log meta_dir locations write_quorum io reserve_percent)
	for i in $(seq "$n_locations"); do locations+="${locations:+,}$dir/loc$i"; done
	if has_ipv6; then listen+=",[::1]:$port"; fi
	if [ -n "$plain_port" ]; then hosts+=",localhost:$plain_port,127.0.0.1:$plain_port"; fi
	value=([resource_id]="ivo://$authority/vault" [hosts]=$hosts [listen_tls]=$listen
		[tls_certificate]=$dir/server.pem [tls_key]=$dir/server.key
		[client_ca]=$dir/ca.pem [user_ca_certificate]=$dir/ca.pem [user_ca_key]=$dir/ca.key
		[admin_socket]=$dir/admin.sock
		[access_log]=$dir/access.log [meta_dir]=$dir/meta [locations]=$locations
		[write_quorum]=$write_quorum [io]=$io
		[reserve_percent]=0) # the disk may be nearly full
	for pair in ${settings[@]+"${settings[@]}"}; do
		key=${pair%%=*}
		[ -n "${value[$key]+there}" ] || order+=("$key")
		value[$key]=${pair#*=}
	done
	for key in "${order[@]}"; do
		echo "$key = $(config_value "$key" "${value[$key]}")"
	done >"$dir/quartet.conf"
}

# What is in force, from the server itself: the file may have been edited.
in_force() { sed -n "s/^$1 = //p" <<<"$effective"; }
port_in_force() { in_force "$1" | grep -oE ':[0-9]+"' | head -n 1 | tr -d ':"'; }

instance_env() {
	local user i=0 location plain id
	[ -s "$dir/alice.token" ] ||
		(umask 077 && "$tool" -c "$dir/quartet.conf" user token alice >"$dir/alice.token")
	effective=$("$daemon" -c "$dir/quartet.conf" --settings)
	port=$(port_in_force listen_tls) plain=$(port_in_force listen_plain || true)
	id=$(in_force resource_id | tr -d '"')
	id=${id#ivo://}
	{
		echo "QUARTET_HOST=localhost:$port"
		echo "QUARTET_BASE=https://localhost:$port/vault"
		[ -z "$plain" ] || echo "QUARTET_PLAIN=http://localhost:$plain/vault"
		echo "QUARTET_AUTHORITY=${id//\//\~}"
		printf 'QUARTET_CA=%q\n' "$dir/ca.pem"
		for user in "${users[@]}"; do
			printf 'QUARTET_CERT_%s=%q\n' "${user^^}" "$dir/$user.pem"
			echo "QUARTET_PASS_${user^^}=$(cat "$dir/$user.pass")"
		done
		echo "QUARTET_TOKEN_ALICE=$(cat "$dir/alice.token")"
		in_force locations | grep -oE '"[^"]*"' | tr -d '"' | while read -r location; do
			printf 'QUARTET_LOC%d=%q\n' $((i += 1)) "$location"
		done
		printf 'QUARTET_META=%q\n' "$(in_force meta_dir | tr -d '"')"
		printf 'QUARTET_CONF=%q\n' "$dir/quartet.conf"
		printf 'QUARTET_PID=%q\n' "$dir/quartetd.pid"
		printf 'QUARTET_LOG=%q\n' "$dir/quartetd.log"
		printf 'QUARTET_TOOL=%q\n' "$(readlink -f "$tool")"
	} >"$dir/env.new"
	chmod go= "$dir/env.new" # the passwords, and a token
	mv "$dir/env.new" "$dir/env" # its presence says that the instance is complete
}

running() {
	local pid
	pid=$(cat "$dir/quartetd.pid" 2>/dev/null) || return 1
	# Not a process that got its number later, nor one that is dead but not yet waited for.
	[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = quartetd ] &&
		grep -q '^State:.[^ZX]' "/proc/$pid/status"
}

# Waits until the server that was just started answers.
instance_wait() {
	local said
	for _ in $(seq 600); do
		said=$("$tool" -c "$dir/quartet.conf" health 2>&1) || true
		case $said in OK* | WARNING* | CRITICAL*) return 0 ;; esac
		kill -0 "$(cat "$dir/quartetd.pid")" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

# Refuses wrong settings, and a start beside another server on the same port.
instance_may_start() {
	local at
	if running; then die "an instance runs in $dir already (process $(cat "$dir/quartetd.pid"))"; fi
	"$daemon" -n -c "$dir/quartet.conf" >/dev/null || die "the settings are not in order"
	effective=$("$daemon" -c "$dir/quartet.conf" --settings)
	at=$(port_in_force listen_tls)
	if is_listening "$at"; then die "something listens on port $at already"; fi
}

property() { echo "<vos:property uri=\"ivo://ivoa.net/vospace/core#$1\">$2</vos:property>"; }

# A container, made by the administrator.
make_container() { # PATH PROPERTIES-XML
	local id answer
	id=$(in_force resource_id | tr -d '"')
	id=${id#ivo://}
	answer=$(curl -sS -m 60 --fail-with-body --cacert "$dir/ca.pem" --cert "$dir/admin.pem" \
		-X PUT -H 'Content-Type: text/xml' --data-binary @- \
		"https://localhost:$port/vault/nodes$1" 2>&1 <<EOF
<vos:node xmlns:vos="http://www.ivoa.net/xml/VOSpace/v2.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" uri="vos://${id//\//\~}$1" xsi:type="vos:ContainerNode" version="2.1"><vos:properties>$2</vos:properties><vos:nodes/></vos:node>
EOF
	) || die "cannot make $1: $answer"
}

# Accounts, groups, homes and the public folder, in a server that runs.
instance_populate() {
	local user group members call=("$tool" -c "$dir/quartet.conf")
	effective=$("$daemon" -c "$dir/quartet.conf" --settings)
	for user in "${users[@]}"; do
		if [ "$user" = admin ]; then
			"${call[@]}" user dn-add admin "CN=admin,OU=users,O=$authority"
		else
			"${call[@]}" user add "$user" --dn "CN=$user,OU=users,O=$authority"
		fi
		"${call[@]}" user password "$user" <"$dir/$user.pass"
	done
	for group in staff:alice,bob team-a:alice team-b:bob team-c:carol; do
		"${call[@]}" group create "${group%%:*}"
		IFS=, read -ra members <<<"${group#*:}"
		"${call[@]}" group add "${group%%:*}" "${members[@]}"
	done
	for user in alice bob carol; do
		make_container "/$user" "$(property creator "$user")$(property ispublic false)"
	done
	make_container /public \
		"$(property ispublic true)$(property groupwrite "ivo://cadc.nrc.ca/gms?staff")"
}

# A new instance but for the accounts, which need a running server.
instance_begin() {
	# What an interrupted start has left: nobody has used it.
	rm -rf "$dir/meta" "$dir"/loc[1-4] "$dir/quartet.conf"
	instance_secrets
}

instance_init() {
	instance_config
	"$daemon" -n -c "$dir/quartet.conf" >/dev/null || die "the settings are not in order"
	"$tool" -c "$dir/quartet.conf" init >"$dir/init.log" 2>&1 ||
		{ cat "$dir/init.log" >&2; die "cannot make the stores"; }
}

# SIGTERM, and time to finish what is under way.
instance_stop() {
	local pid
	if ! running; then
		rm -f "$dir/quartetd.pid"
		return 0
	fi
	pid=$(cat "$dir/quartetd.pid")
	kill "$pid"
	for _ in $(seq 600); do
		if ! running; then
			rm -f "$dir/quartetd.pid"
			return 0
		fi
		sleep 0.1
	done
	kill -9 "$pid"
	rm -f "$dir/quartetd.pid"
	die "the server had to be killed"
}
