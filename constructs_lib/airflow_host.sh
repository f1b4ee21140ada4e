# Installs Airflow on Amazon Linux 2023 and keeps it running. The lines above set the values.
#
# airflow-env       writes /etc/airflow/environment from the two secrets
# airflow-migrate   brings the database to the version that is installed
# airflow-*         api-server (web interface, on this machine alone), scheduler with its tasks,
#                   dag-processor, triggerer
# airflow-sync      once a minute: DAGs from the bucket; a restart when the database has a new password
#
# Tasks wait for jobs in the triggerer, so a restart stops no job; the scheduler lets its running tasks end first.
# The stack is complete when the web interface responds.
set -euo pipefail
umask 027

HOME_DIR=/opt/airflow
VENV=$HOME_DIR/venv
CERTIFICATES=$HOME_DIR/rds-ca.pem
CONSTRAINTS="https://raw.githubusercontent.com/apache/airflow/constraints-${AIRFLOW_VERSION}/constraints-${PYTHON_VERSION}.txt"

signal() {
  local token instance
  token=$(curl -fsS -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')
  instance=$(curl -fsS -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id)
  aws cloudformation signal-resource --region "$AWS_REGION" --stack-name "$STACK_NAME" \
    --logical-resource-id "$INSTANCE_RESOURCE" --unique-id "$instance" --status "$1"
}
trap 'signal FAILURE' ERR

retry() {
  local tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || { echo "gave up: $*" >&2; return 1; }
    sleep $((tries * 3))
  done
}

echo "generation ${GENERATION}: Airflow ${AIRFLOW_VERSION}"
retry dnf install -y "python${PYTHON_VERSION}" "python${PYTHON_VERSION}-pip"
id airflow >/dev/null 2>&1 || useradd --system --home-dir "$HOME_DIR" --shell /sbin/nologin airflow
install -d -o airflow -g airflow -m 750 "$HOME_DIR" "$HOME_DIR/dags" "$HOME_DIR/logs"
install -d -o root -g airflow -m 750 /etc/airflow

retry curl -fsS -o "$CERTIFICATES" "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
chmod 644 "$CERTIFICATES"

"python${PYTHON_VERSION}" -m venv "$VENV"
retry "$VENV/bin/pip" install --no-cache-dir \
  "apache-airflow[amazon,postgres]==${AIRFLOW_VERSION}" "apache-airflow-providers-amazon[aiobotocore]" asyncpg \
  --constraint "$CONSTRAINTS"
chown -R root:airflow "$VENV"
chmod -R g+rX "$VENV"

# Both drivers of Airflow read PGSSL…; in the address each would need its own words.
cat > /etc/airflow/settings <<SETTINGS
AWS_REGION=${AWS_REGION}
AWS_DEFAULT_REGION=${AWS_REGION}
DAG_ADDRESS=${DAG_ADDRESS}
KEYS_SECRET_ARN=${KEYS_SECRET_ARN}
DATABASE_SECRET_ARN=${DATABASE_SECRET_ARN}
DATABASE_HOST=${DATABASE_HOST}
DATABASE_PORT=${DATABASE_PORT}
DATABASE_NAME=${DATABASE_NAME}
PGSSLMODE=verify-full
PGSSLROOTCERT=${CERTIFICATES}
AIRFLOW_HOME=${HOME_DIR}
AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
AIRFLOW__CORE__DAGS_FOLDER=${HOME_DIR}/dags
AIRFLOW__CORE__EXECUTOR=LocalExecutor
AIRFLOW__CORE__LOAD_EXAMPLES=False
AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE=True
PYTHONPATH=${HOME_DIR}/dags
AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True
AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:${WEB_PORT}/execution/
AIRFLOW__API__BASE_URL=http://127.0.0.1:${WEB_PORT}
AIRFLOW__API__HOST=127.0.0.1
AIRFLOW__API__PORT=${WEB_PORT}
AIRFLOW__LOGGING__BASE_LOG_FOLDER=${HOME_DIR}/logs
AIRFLOW__LOGGING__REMOTE_LOGGING=True
AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER=cloudwatch://${LOG_GROUP_ARN%:\*}
AIRFLOW_CONN_AWS_DEFAULT=aws://
SETTINGS

cat > /usr/local/bin/airflow-env <<'PROGRAM'
#!/usr/bin/python3
"""Writes the environment of Airflow from its secrets, below /etc/airflow or the directory that is given.

Nothing of a secret is ever on a command line. With `--changed` it writes nothing and says by its exit
status whether the database has another password than the environment: 0 where it has.
"""
import base64, json, os, pathlib, subprocess, sys, urllib.parse

arguments = [argument for argument in sys.argv[1:] if argument != "--changed"]
place = pathlib.Path(arguments[0] if arguments else "/etc/airflow")
text = (place / "settings").read_text()
settings = dict(line.split("=", 1) for line in text.splitlines() if line)

def secret(arn):
    command = ["aws", "secretsmanager", "get-secret-value", "--output", "json", "--secret-id", arn]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **settings})
    return json.loads(answer.stdout)

login = secret(settings["DATABASE_SECRET_ARN"])
version = place / "password-version"
if "--changed" in sys.argv:
    sys.exit(version.exists() and version.read_text() == login["VersionId"])

keys = secret(settings["KEYS_SECRET_ARN"])["SecretString"]
known = json.loads(login["SecretString"])
user, password = (urllib.parse.quote(known[name], safe="") for name in ("username", "password"))
address = "{}:{}@{DATABASE_HOST}:{DATABASE_PORT}/{DATABASE_NAME}".format(user, password, **settings)
written = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{address}",
    "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(keys[:32].encode()).decode(),
    "AIRFLOW__API_AUTH__JWT_SECRET": keys[32:],
    "AIRFLOW__API__SECRET_KEY": keys[32:],
}
new = place / "environment.new"
new.touch(mode=0o640)
new.write_text(text + "".join(f"{name}={value}\n" for name, value in written.items()))
new.replace(place / "environment")
version.write_text(login["VersionId"])
PROGRAM

cat > /usr/local/bin/airflow-sync <<'PROGRAM'
#!/bin/bash
# Brings the DAGs here, and has Airflow restarted where its password is no longer the database's.
set -euo pipefail
set -a; . /etc/airflow/settings; set +a
aws s3 sync "$DAG_ADDRESS/" "$AIRFLOW_HOME/dags/" --delete --exact-timestamps --only-show-errors
chown -R airflow:airflow "$AIRFLOW_HOME/dags"
if airflow-env --changed; then
  systemctl restart airflow-env.service
  systemctl restart airflow-api-server airflow-dag-processor airflow-triggerer
  systemctl restart airflow-scheduler
fi
PROGRAM
chmod 755 /usr/local/bin/airflow-env /usr/local/bin/airflow-sync

cat > /etc/systemd/system/airflow-env.service <<UNIT
[Unit]
Description=The environment of Airflow, from its secrets
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/bin/airflow-env
UNIT

cat > /etc/systemd/system/airflow-migrate.service <<UNIT
[Unit]
Description=The database of Airflow
After=airflow-env.service
Requires=airflow-env.service
[Service]
Type=oneshot
RemainAfterExit=yes
User=airflow
EnvironmentFile=/etc/airflow/environment
ExecStart=${VENV}/bin/airflow db migrate
UNIT

for part in api-server scheduler dag-processor triggerer; do
  cat > "/etc/systemd/system/airflow-${part}.service" <<UNIT
[Unit]
Description=Airflow ${part}
After=airflow-env.service airflow-migrate.service
Requires=airflow-env.service
[Service]
User=airflow
EnvironmentFile=/etc/airflow/environment
Environment=PATH=${VENV}/bin:/usr/local/bin:/usr/bin
ExecStart=${VENV}/bin/airflow ${part}
Restart=always
RestartSec=10
KillMode=mixed
TimeoutStopSec=900
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full
[Install]
WantedBy=multi-user.target
UNIT
done

cat > /etc/systemd/system/airflow-sync.service <<UNIT
[Unit]
Description=DAGs of Airflow
[Service]
Type=oneshot
ExecStart=/usr/local/bin/airflow-sync
UNIT
cat > /etc/systemd/system/airflow-sync.timer <<UNIT
[Unit]
Description=DAGs of Airflow, once a minute
[Timer]
OnBootSec=1min
OnUnitInactiveSec=1min
[Install]
WantedBy=timers.target
UNIT

systemctl daemon-reload
retry systemctl start airflow-env.service
retry systemctl start airflow-migrate.service
retry systemctl start airflow-sync.service
systemctl enable --now airflow-sync.timer
systemctl enable --now airflow-api-server airflow-scheduler airflow-dag-processor airflow-triggerer

responds() { curl -fsS -o /dev/null "http://127.0.0.1:${WEB_PORT}/api/v2/monitor/health"; }
for _ in $(seq 60); do responds 2>/dev/null && break || sleep 5; done
responds
# A start again finds the stack complete, and its signal refused.
signal SUCCESS || true
