// Written by `python manage.py export_clients` from version 1 of the tracking plan. Do not edit.

/** The properties of each event. */
export interface PlanEvents {
  /** A workbench session begins. When: The workbench page opens. */
  "workbench.session_started": {
    /** The signed-in user; kept as a keyed hash. At most 128 characters, printable ASCII without spaces. */
    userId?: string;
    /** The page before; origin and path only. At most 200 characters. */
    referrer?: string;
  };

  /** A workbench session ends. When: The user leaves or closes the workbench. */
  "workbench.session_ended": {
    /** How long it took, in milliseconds. A whole number from 0 to 2592000000. */
    durationMs?: number;
    /** The signed-in user; kept as a keyed hash. At most 128 characters, printable ASCII without spaces. */
    userId?: string;
  };

  /** A new draft exists. When: A draft is made from the chat, from a template or from nothing. */
  "workbench.draft_created": {
    /** What the draft was made from. */
    source: "chat" | "template" | "blank";
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId?: string;
    /** Nodes in the draft. A whole number from 0 to 2147483647. */
    nodeCount?: number;
    /** The template, as the catalogue names it. At most 128 characters, printable ASCII without spaces. */
    templateId?: string;
  };

  /** A proposed draft is accepted. When: The user accepts a proposed draft. */
  "workbench.draft_accepted": {
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId: string;
    /** What the draft was made from. */
    source?: "chat" | "template" | "blank";
    /** Nodes in the draft. A whole number from 0 to 2147483647. */
    nodeCount?: number;
  };

  /** A proposed draft is rejected. When: The user rejects a proposed draft. */
  "workbench.draft_rejected": {
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId: string;
    /** What the draft was made from. */
    source?: "chat" | "template" | "blank";
  };

  /** A draft changes. When: A draft is modified, by whatever means. */
  "workbench.draft_edited": {
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId: string;
    /** What the edit was made with. */
    editType: "chat" | "canvas" | "template_insert";
    /** Nodes in the draft. A whole number from 0 to 2147483647. */
    nodeCount?: number;
    /** A short label of what the edit was for; never the user's words. At most 200 characters. */
    intent?: string;
  };

  /** A template is looked at. When: A template's detail is opened. */
  "workbench.template_viewed": {
    /** The template, as the catalogue names it. At most 128 characters, printable ASCII without spaces. */
    templateId: string;
    /** Where the template was found. */
    source?: "library" | "chat_suggestion";
  };

  /** A template goes into a draft. When: A template is inserted into a draft. */
  "workbench.template_inserted": {
    /** The template, as the catalogue names it. At most 128 characters, printable ASCII without spaces. */
    templateId: string;
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId: string;
  };

  /** The assistant suggests a template. When: The assistant suggests a template. */
  "workbench.template_suggested": {
    /** The template, as the catalogue names it. At most 128 characters, printable ASCII without spaces. */
    templateId: string;
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId?: string;
    /** Whether the user took the suggestion. */
    accepted?: boolean;
  };

  /** The user writes to the assistant. When: The user sends a chat message. */
  "workbench.chat_message_sent": {
    /** Characters in the message; the text itself is never sent. A whole number from 0 to 2147483647. */
    messageLength?: number;
    /** Whether a file went with the message. */
    hasAttachment?: boolean;
  };

  /** The assistant uses a tool. When: The assistant invokes a tool. */
  "workbench.chat_tool_invoked": {
    /** The tool. At most 128 characters, printable ASCII without spaces. */
    toolId: string;
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId?: string;
    /** Whether the tool did its work. */
    success?: boolean;
  };

  /** A workflow run begins. When: A workflow execution starts. */
  "workbench.workflow_run_started": {
    /**
     * The execution id that the workflow engine gave to the run. At most 128 characters, printable ASCII without
     * spaces.
     */
    runId: string;
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId?: string;
    /** The workflow. At most 128 characters, printable ASCII without spaces. */
    workflowId?: string;
    /** The workflow's name in the catalogue. At most 200 characters. */
    workflowName?: string;
    /** What started the run. */
    trigger?: "user" | "schedule" | "webhook" | "api" | "system";
    /** The run that this one tries again. At most 128 characters, printable ASCII without spaces. */
    retryOfRunId?: string;
    /**
     * The trace, for finding the run in the tracing system. At most 128 characters, printable ASCII without spaces.
     */
    traceId?: string;
  };

  /** A workflow run is over. When: A run finishes, fails or is cancelled. */
  "workbench.workflow_run_completed": {
    /**
     * The execution id that the workflow engine gave to the run. At most 128 characters, printable ASCII without
     * spaces.
     */
    runId: string;
    /** How the run ended. */
    status: "completed" | "failed" | "cancelled";
    /** How long it took, in milliseconds. A whole number from 0 to 2592000000. */
    durationMs?: number;
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId?: string;
    /** The workflow. At most 128 characters, printable ASCII without spaces. */
    workflowId?: string;
    /** The workflow's name in the catalogue. At most 200 characters. */
    workflowName?: string;
    /** The class of the error; never its message. At most 200 characters. */
    errorType?: string;
    /** The run that this one tries again. At most 128 characters, printable ASCII without spaces. */
    retryOfRunId?: string;
    /**
     * The trace, for finding the run in the tracing system. At most 128 characters, printable ASCII without spaces.
     */
    traceId?: string;
  };

  /** A restricted tool waits for an approval. When: A RESTRICTED tool needs approval. */
  "workbench.approval_requested": {
    /** The tools that the approval is about. At most 50. */
    toolIds: readonly string[];
    /** What the approval is needed in, as a short label. At most 200 characters. */
    contextType: string;
    /** The incident that the work belongs to. At most 128 characters, printable ASCII without spaces. */
    incidentId?: string;
    /** The workflow. At most 128 characters, printable ASCII without spaces. */
    workflowId?: string;
    /**
     * The draft: an id that the client makes, stable for one draft. At most 128 characters, printable ASCII without
     * spaces.
     */
    draftId?: string;
    /**
     * The approval: the same in the request and in its answer. At most 128 characters, printable ASCII without
     * spaces.
     */
    approvalId?: string;
    /**
     * The execution id that the workflow engine gave to the run. At most 128 characters, printable ASCII without
     * spaces.
     */
    runId?: string;
  };

  /** An approval is decided. When: The request is approved or rejected. */
  "workbench.approval_completed": {
    /** True when it was approved, false when it was rejected. */
    approved: boolean;
    /** The tools that the approval is about. At most 50. */
    toolIds?: readonly string[];
    /** Who decided; kept as a keyed hash. At most 128 characters, printable ASCII without spaces. */
    approverId?: string;
    /**
     * The approval: the same in the request and in its answer. At most 128 characters, printable ASCII without
     * spaces.
     */
    approvalId?: string;
    /**
     * The execution id that the workflow engine gave to the run. At most 128 characters, printable ASCII without
     * spaces.
     */
    runId?: string;
  };

  /** An agent begins to work within a workflow run. When: An agent run starts. */
  "agent.run_started": {
    /**
     * The execution id that the workflow engine gave to the run. At most 128 characters, printable ASCII without
     * spaces.
     */
    runId: string;
    /** One run of one agent within a workflow run. At most 128 characters, printable ASCII without spaces. */
    agentRunId: string;
    /** The agent's name in the catalogue. At most 200 characters. */
    agentName: string;
    /** The agent. At most 128 characters, printable ASCII without spaces. */
    agentId?: string;
    /** What the agent was asked to do, as a short label. At most 200 characters. */
    action?: string;
    /** The language model that was used. At most 200 characters. */
    model?: string;
    /** Which attempt this is; a value above 1 is a retry. A whole number from 0 to 2147483647. */
    attempt?: number;
    /**
     * The trace, for finding the run in the tracing system. At most 128 characters, printable ASCII without spaces.
     */
    traceId?: string;
    /** The span within the trace. At most 128 characters, printable ASCII without spaces. */
    spanId?: string;
    /**
     * The span that this one is part of; left out at the root of a trace. At most 128 characters, printable ASCII
     * without spaces.
     */
    parentSpanId?: string;
  };

  /** An agent's work within a workflow run is over. When: An agent run finishes, fails or is cancelled. */
  "agent.run_completed": {
    /**
     * The execution id that the workflow engine gave to the run. At most 128 characters, printable ASCII without
     * spaces.
     */
    runId: string;
    /** One run of one agent within a workflow run. At most 128 characters, printable ASCII without spaces. */
    agentRunId: string;
    /** The agent's name in the catalogue. At most 200 characters. */
    agentName: string;
    /** How the run ended. */
    status: "completed" | "failed" | "cancelled";
    /** The agent. At most 128 characters, printable ASCII without spaces. */
    agentId?: string;
    /** What the agent was asked to do, as a short label. At most 200 characters. */
    action?: string;
    /** The language model that was used. At most 200 characters. */
    model?: string;
    /** How long it took, in milliseconds. A whole number from 0 to 2592000000. */
    durationMs?: number;
    /** The class of the error; never its message. At most 200 characters. */
    errorType?: string;
    /** Which attempt this is; a value above 1 is a retry. A whole number from 0 to 2147483647. */
    attempt?: number;
    /** What the run cost, in US dollars. A number from 0 to 1000000. */
    costUsd?: number;
    /** Tokens that the model read. A whole number from 0 to 2147483647. */
    inputTokens?: number;
    /** Tokens that the model wrote. A whole number from 0 to 2147483647. */
    outputTokens?: number;
    /**
     * The trace, for finding the run in the tracing system. At most 128 characters, printable ASCII without spaces.
     */
    traceId?: string;
    /** The span within the trace. At most 128 characters, printable ASCII without spaces. */
    spanId?: string;
    /**
     * The span that this one is part of; left out at the root of a trace. At most 128 characters, printable ASCII
     * without spaces.
     */
    parentSpanId?: string;
  };

  /**
   * A language model was called. When: A model's answer has arrived, or its call failed. Its agent is told by the
   * spans above it.
   */
  "agent.model_called": {
    /**
     * The trace, for finding the run in the tracing system. At most 128 characters, printable ASCII without spaces.
     */
    traceId: string;
    /** The span within the trace. At most 128 characters, printable ASCII without spaces. */
    spanId: string;
    /**
     * The span that this one is part of; left out at the root of a trace. At most 128 characters, printable ASCII
     * without spaces.
     */
    parentSpanId?: string;
    /**
     * The execution id that the workflow engine gave to the run. At most 128 characters, printable ASCII without
     * spaces.
     */
    runId?: string;
    /** One run of one agent within a workflow run. At most 128 characters, printable ASCII without spaces. */
    agentRunId?: string;
    /** The language model that was used. At most 200 characters. */
    model?: string;
    /** Tokens that the model read. A whole number from 0 to 2147483647. */
    inputTokens?: number;
    /** Tokens that the model wrote. A whole number from 0 to 2147483647. */
    outputTokens?: number;
    /** What the run cost, in US dollars. A number from 0 to 1000000. */
    costUsd?: number;
    /** How long it took, in milliseconds. A whole number from 0 to 2592000000. */
    durationMs?: number;
    /** How the run ended. */
    status?: "completed" | "failed" | "cancelled";
    /** The class of the error; never its message. At most 200 characters. */
    errorType?: string;
  };

  /**
   * A workflow is made outside the workbench. When: A server notices a new workflow; sessionId is the server's own
   * instance or trace id.
   */
  "workflow.created": {
    /** How the workflow was made. */
    source: "manual" | "api" | "import" | "other";
    /** The workflow. At most 128 characters, printable ASCII without spaces. */
    workflowId?: string;
  };

  /** The app server answered a request. When: An answer was sent, or the request broke off. */
  "appserver.request_completed": {
    /** The route's pattern, such as /threads/{id}; not the address itself. At most 200 characters. */
    route: string;
    /** The HTTP method. At most 32 characters. */
    method: string;
    /** The HTTP status of the answer. A whole number from 100 to 599. */
    status: number;
    /** How long it took, in milliseconds. A whole number from 0 to 2592000000. */
    durationMs: number;
    /** The language model that was used. At most 200 characters. */
    model?: string;
    /** The family of the error, as a short label. At most 200 characters. */
    errorCategory?: string;
  };

  /** A stream to a client opens. When: The first byte of a stream is sent. */
  "appserver.stream_opened": {
    /**
     * The stream: the same when it opens and when it closes. At most 128 characters, printable ASCII without
     * spaces.
     */
    streamId: string;
    /** The route's pattern, such as /threads/{id}; not the address itself. At most 200 characters. */
    route?: string;
  };

  /** A stream to a client closes. When: A stream ends, on either side. */
  "appserver.stream_closed": {
    /**
     * The stream: the same when it opens and when it closes. At most 128 characters, printable ASCII without
     * spaces.
     */
    streamId: string;
    /** The route's pattern, such as /threads/{id}; not the address itself. At most 200 characters. */
    route?: string;
  };

  /**
   * A worker process of the app server changes its state. When: A worker becomes ready, restarts, waits before a
   * restart, or stops.
   */
  "appserver.worker_state_changed": {
    /** The worker process of the app server. At most 128 characters, printable ASCII without spaces. */
    workerId: string;
    /** The state that the worker is in from now on. */
    state: "ready" | "restarting" | "backoff" | "stopped";
    /** How long the worker waits before it starts again, in milliseconds. A whole number from 0 to 2592000000. */
    backoffMs?: number;
    /** Why, as a short label. At most 200 characters. */
    reason?: string;
  };

  /** The buffer of tool output changes its state. When: A buffer is started, flushed or aborted. */
  "appserver.tool_buffer_changed": {
    /** What became of the buffer. */
    state: "started" | "flushed" | "aborted";
    /** Why, as a short label. At most 200 characters. */
    reason?: string;
  };

  /** The app server enters or leaves maintenance. When: Maintenance is switched on or off. */
  "appserver.maintenance_changed": {
    /** True when maintenance begins, false when it ends. */
    enabled: boolean;
  };
}
