import './workers.js';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './page.css';
import { createRoot } from 'react-dom/client';
import { App } from './app.jsx';

const root = createRoot(document.getElementById('root'));

fetch('/graphiql/config.json')
  .then((response) => response.json())
  .then((config) => root.render(<App config={config} />))
  .catch((error) => root.render(<p className="failure">The page could not read its configuration: {error.message}</p>));
