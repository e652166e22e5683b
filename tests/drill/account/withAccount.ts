import { Account } from "../../../drill/account/account";

/** For one suite: an account that runs as long as it does, and is empty before each of its tests. */
export function withAccount(started: (account: Account) => void): void {
  let account: Account;
  before(async () => {
    account = await Account.start();
    started(account);
  });
  after(() => account.stop());
  beforeEach(() => account.reset());
}
