"""moto_server for moto.ts: prints its port, and lives as long as its stdin.

The kernel closes that pipe however Node ends, SIGKILL included, so no process is left behind.
Port 0 lets the kernel choose, so no two servers race for a port that looked free; moto learns it
afterwards, for the URLs that it hands out.

moto keeps an IAM, with all 1,582 managed policies, for each AWS partition. One partition and a
lazier garbage collector make a reset and the calls after it several times quicker.
"""
import gc, json, logging, os, sys
from moto.utilities import utils
utils.PARTITION_NAMES[:] = ["aws"]
gc.set_threshold(100000, 50, 50)
from moto.iam.exceptions import EntityAlreadyExists
from moto.iam.models import IAMBackend
from moto.secretsmanager.exceptions import SecretNotFoundException
from moto.secretsmanager.models import SecretsManagerBackend
from moto.server import ThreadedMotoServer

moto_update_user = IAMBackend.update_user
moto_update_login_profile = IAMBackend.update_login_profile
moto_list_secret_version_ids = SecretsManagerBackend.list_secret_version_ids


def update_user(self, user_name, new_path=None, new_user_name=None):
    """Keys, certificates, devices and tags move with the user; a name that is taken is refused.

    moto leaves them under the former name: a key that is deleted then stays listed and counts.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html
    """
    if new_user_name and new_user_name != user_name and new_user_name in self.users:
        raise EntityAlreadyExists(f"User with name {new_user_name} already exists.")
    former = self.users[user_name].arn if user_name in self.users else None
    moto_update_user(self, user_name, new_path, new_user_name)
    user = self.users[new_user_name or user_name]
    certificates = user.signing_certificates.values()
    for owned in [*user.access_keys, *user.ssh_public_keys, *certificates]:
        owned.user_name = user.name
    for device in self.virtual_mfa_devices.values():
        if device.user is user:
            device.user_attribute.update(Path=user.path, UserName=user.name, Arn=user.arn)
    if user.arn != former and self.tagger.has_tags(former):
        self.tagger.copy_tags(former, user.arn)
        self.tagger.delete_all_tags_for_resource(former)


def update_login_profile(self, user_name, password, password_reset_required):
    """Without a password the present one stays; moto deletes the profile.

    Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html
    """
    user = self.get_user(user_name)
    reset = password_reset_required
    return moto_update_login_profile(
        self,
        user_name,
        password or user.password,
        user.password_reset_required if reset is None else reset,
    )


def list_secret_version_ids(self, secret_id):
    """When each version was made; moto says "now" of all, and fails where there is no secret.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretVersionsListEntry.html
    """
    if secret_id not in self.secrets:
        raise SecretNotFoundException()
    made = self.secrets[secret_id].versions
    answer = json.loads(moto_list_secret_version_ids(self, secret_id))
    for version in answer["Versions"]:
        version["CreatedDate"] = made[version["VersionId"]]["createdate"]
    return json.dumps(answer)


IAMBackend.update_user = update_user
IAMBackend.update_login_profile = update_login_profile
SecretsManagerBackend.list_secret_version_ids = list_secret_version_ids

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
os.environ["MOTO_PORT"] = str(port)
print(port, flush=True)
sys.stdin.buffer.read()
os._exit(0)
