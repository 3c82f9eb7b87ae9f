// The order and the groups of a PBX's members in the form. The schema says which of them exist. A member that is not here
// is in the group "other".

// How a PBX may prove itself, and the members that belong to each method.
export const METHODS = {
  password: ['auth.auth_user', 'auth.auth_password'],
  ip: ['auth.ip', 'auth.port'],
};
// What every PBX shows. The form draws the first two and the numbers in its own way.
export const OWN = ['name', 'auth.auth_method', 'DIDs'];
export const ALWAYS = ['options.enabled', 'options.inbound_format'];
// What is under "More".
export const GROUPS = {
  media: ['options.media_handling', 'options.codecs', 'options.ignore_early_media'],
  callerIds: ['options.caller_id', 'options.emergency_caller_id'],
  failover: ['options.failover'],
  timing: ['options.delay', 'options.progress_timeout', 'options.timeout'],
};
