import whoAmI from './examples/who_am_i.graphql';
import clients from './examples/clients.graphql';
import leadPipeline from './examples/lead_pipeline.graphql';
import createAndUpdate from './examples/create_and_update.graphql';
import createAndUpdateVariables from './examples/create_and_update.json';
import whatChanged from './examples/what_changed.graphql';
import liveUpdates from './examples/live_updates.graphql';
import isolation from './examples/isolation.graphql';
import isolationVariables from './examples/isolation.json';

// examples returns the tabs that are open on the first visit. recordId, where the
// server knows a record which its demo accounts share, takes the place of the
// examples' own id, which no account has.
export function examples(recordId) {
  const variables = (values) => JSON.stringify(recordId ? { ...values, id: recordId } : values, null, 2);
  return [
    { query: whoAmI },
    { query: clients },
    { query: leadPipeline },
    { query: createAndUpdate, variables: variables(createAndUpdateVariables) },
    { query: whatChanged },
    { query: liveUpdates },
    { query: isolation, variables: variables(isolationVariables) },
  ];
}
