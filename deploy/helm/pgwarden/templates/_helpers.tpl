{{- define "pgwarden.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "pgwarden.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pgwarden.labels" -}}
{{ include "pgwarden.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The folder with the certificate that browsers are shown; empty where there is none. */}}
{{- define "pgwarden.consoleTls" -}}
{{- if .Values.console.tls.secretName -}}console-tls{{- else if .Values.tls.secretName -}}tls{{- end -}}
{{- end }}

{{- /* What the gate reads: its own settings, with what follows from the rest of the values. */}}
{{- define "pgwarden.config" -}}
{{- $config := deepCopy .Values.settings -}}
{{- $listeners := list -}}
{{- range .Values.listeners -}}
{{- $listener := omit . "name" "port" -}}
{{- $_ := required "listeners[].upstream says which server stands behind: postgresql://HOST:PORT" .upstream -}}
{{- $_ := set $listener "listen" (printf "0.0.0.0:%d" (int .port)) -}}
{{- if $.Values.tls.secretName -}}
{{- $_ := set $listener "client_tls_cert_file" "/etc/pgwarden/tls/tls.crt" -}}
{{- $_ := set $listener "client_tls_key_file" "/etc/pgwarden/tls/tls.key" -}}
{{- end -}}
{{- $listeners = append $listeners $listener -}}
{{- end -}}
{{- $_ := set $config "listeners" $listeners -}}
{{- $_ := set $config "admin" "0.0.0.0:9187" -}}
{{- $_ := set $config "drain_timeout_s" (int .Values.drain.timeoutS) -}}
{{- with .Values.console -}}
{{- if .auth.secretName -}}
{{- $_ := set $config "console_auth_file" (printf "/etc/pgwarden/console/%s" .auth.key) -}}
{{- end -}}
{{- if .enabled -}}
{{- $tls := include "pgwarden.consoleTls" $ -}}
{{- if not $tls -}}
{{- fail "the console takes a certificate: set console.tls.secretName, or tls.secretName" -}}
{{- end -}}
{{- if not (or .auth.secretName (hasKey $config "console_oidc_issuer")) -}}
{{- fail "the console takes logins: set console.auth.secretName, or settings.console_oidc_issuer" -}}
{{- end -}}
{{- $_ := set $config "console" (printf "0.0.0.0:%d" (int .port)) -}}
{{- $_ := set $config "console_tls_cert_file" (printf "/etc/pgwarden/%s/tls.crt" $tls) -}}
{{- $_ := set $config "console_tls_key_file" (printf "/etc/pgwarden/%s/tls.key" $tls) -}}
{{- end -}}
{{- end -}}
{{- if .Values.ledger.url -}}
{{- $_ := set $config "ledger" .Values.ledger.url -}}
{{- else if gt (int .Values.replicas) 1 -}}
{{- fail "several gates need a common ledger: set ledger.url, or replicas to 1" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not (hasKey $config "peers")) -}}
{{- $peers := dict -}}
{{- $first := first .Values.listeners -}}
{{- range $number := untilStep 1 (int (add1 .Values.replicas)) 1 -}}
{{- $host := printf "%s-%d.%s-peers.%s.svc" (include "pgwarden.name" $) $number (include "pgwarden.name" $) $.Release.Namespace -}}
{{- $_ := set $peers (toString $number) (printf "%s:%d" $host (int $first.port)) -}}
{{- end -}}
{{- $_ := set $config "peers" $peers -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}
