// Executes the Jenkinsfile in every way it can go, then shows that a broken one is found out.
// usage: groovy jenkins.groovy JENKINSFILE; prints TAP, ends with 1 if anything failed.

// Loaded first, as its classes are used below.
def loader = new GroovyClassLoader(getClass().classLoader)
def here = new File(getClass().protectionDomain.codeSource.location.path).parentFile
loader.parseClass(new File(here, 'pipeline.groovy'))
new GroovyShell(loader, new Binding([args: args, here: here])).evaluate(new File(here, 'scenarios.groovy'))
