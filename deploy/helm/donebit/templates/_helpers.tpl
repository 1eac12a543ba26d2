{{/* Labels of one part: services by their names, worker, beat. Call with (dict "part" "worker" "top" $). */}}
{{- define "donebit.selector" -}}
app.kubernetes.io/name: donebit
app.kubernetes.io/instance: {{ .top.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "donebit.labels" -}}
{{ include "donebit.selector" . }}
app.kubernetes.io/version: {{ .top.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .top.Release.Service }}
helm.sh/chart: {{ .top.Chart.Name }}-{{ .top.Chart.Version }}
{{- end }}

{{/* The names that the services are called by in the cluster, and those of the values. */}}
{{- define "donebit.hosts" -}}
{{- $hosts := list }}
{{- range $service := list "trigger" "done" "distinct" }}
{{- $name := printf "%s-%s" $.Release.Name $service }}
{{- $inside := printf "%s.%s" $name $.Release.Namespace }}
{{- $hosts = concat $hosts (list $name $inside (printf "%s.svc" $inside) (printf "%s.svc.cluster.local" $inside)) }}
{{- end }}
{{- join "," (concat $hosts .Values.allowedHosts) }}
{{- end }}

{{/* What all pods have in common, but for their containers. */}}
{{- define "donebit.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false # DONE_PORT would be another setting's name
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: secret
    secret:
      secretName: {{ required "secret.name is empty: name a Secret with REDIS_URL" .Values.secret.name }}
      defaultMode: 0440
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
{{- end }}

{{/* What all containers have in common. */}}
{{- define "donebit.container" -}}
image: "{{ required "image.repository is empty: name the image that you have built" .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
{{- range .Values.secret.keys }}
  - {name: {{ . }}_FILE, value: /run/secrets/donebit/{{ . }}}
{{- end }}
  - {name: HOST, value: 0.0.0.0}
  - {name: ALLOWED_HOSTS, value: {{ include "donebit.hosts" . | quote }}}
  - {name: TRIGGER_URL, value: "http://{{ .Release.Name }}-trigger:8098"}
  - {name: DONE_URL, value: "http://{{ .Release.Name }}-done:8097"}
  - {name: DISTINCT_URL, value: "http://{{ .Release.Name }}-distinct:8096"}
  - {name: WORKER_PROCESSES, value: {{ .Values.workers.processes | quote }}}
{{- range $name, $value := .Values.settings }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
volumeMounts:
  - {name: secret, mountPath: /run/secrets/donebit, readOnly: true}
  - {name: tmp, mountPath: /tmp}
{{- end }}
