"""The page of ``clothier serve``: HTML for people, beside the API for programs.

How to add a page ``things``:

1. ``api/page/things.py`` has a ``router`` and ``LINK = Link("Things", "/things")``. Add the module to ``pages.PAGES``:
   its place there is its place in the navigation.
2. A route is a plain function. It takes ``request: Request`` and who asks: ``caller: PageReader`` (or ``PageReviewer``,
   ``PageAdmin``) of :mod:`clothier.api.page.visits`, calls a workflow or the catalogue, and returns
   ``render(request, "things.html", rows=...)``. ``services: ServicesOf`` gives it the store, as in ``api/routes``.
3. A route that changes something is a POST and takes ``form: CheckedForm`` (url-encoded fields, whose token was
   checked). It returns a fragment to htmx, or ``redirect(request, "/things")``. Errors are raised as
   :class:`~clothier.api.problems.Problem`, or come from :mod:`clothier.errors`: they become a page, or a message in
   ``#problem`` where htmx sent the request (it is placed by ``base.html``).
4. ``templates/things.html`` extends ``base.html`` and fills the blocks ``title`` and ``main``. Everything is escaped.
   A form that changes something has ``{{ csrf_field() }}``; htmx sends the token as a header by itself. Fragments are
   templates of their own, named ``_rows.html``; a page includes the same ones.
   In templates: ``caller`` (``caller.may("review")`` hides what is refused), ``asset("app.css")``,
   ``| percent``, ``| prose`` (sentences with commands in backticks), ``decision(name)`` of ``_parts.html`` and the
   other macros there. A text is shown with its control characters escaped; what a form sends back is ``| e``, as it is.
   Values in a command that people copy are ``| argument``.
5. Neither inline scripts, nor inline styles, nor ``style=`` attributes: the content security policy refuses them.
   A bar is ``bar(fraction)`` of ``_parts.html``. What htmx cannot do goes into ``static/things.js``, a small module
   that the page names in ``{% block scripts %}``; styles go into ``static/app.css``.
6. Every page works without JavaScript, by links and plain forms, and at a width of 390 pixels.
"""
