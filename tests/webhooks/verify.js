// Asks the official JavaScript library about each message of a JSON array; answers with an array of what it said.
"use strict";
const { Webhook } = require("standardwebhooks");

const ask = ({ secret, headers, body }) => {
  try {
    return { verified: new Webhook(secret).verify(body, headers) };
  } catch (error) {
    return { refused: `${error.name}: ${error.message}` };
  }
};
const messages = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(messages.map(ask)));
