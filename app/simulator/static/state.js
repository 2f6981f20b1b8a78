// What the page knows. Modules read it; only chat.js and the module concerned change it.

export const state = {
  config: {},
  users: [],
  total: 0,
  userId: null,
  conversation: null,
  entries: new Map(), // n -> entry
  last: 0,
  selected: null, // n of the entry whose JSON the inspector shows
};

export const currentUser = () => state.users.find((user) => user.userId === state.userId);
