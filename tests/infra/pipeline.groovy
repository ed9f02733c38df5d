// Runs a declarative Jenkinsfile without Jenkins: its form is checked as Jenkins does before a build,
// then it is executed with steps that do nothing but leave an event.
//
//	new PipelineRun(text, [params: [ENVIRONMENT: 'dev'], env: [:], fail: ~/^terraform plan/, abort: ~/^make/, input: 'abort']).run()
//
// gives [result: 'SUCCESS'|'FAILURE'|'ABORTED', events: [[stage:, step:, args:, dir:, env:, inside:], ...]].
// A file that Jenkins would refuse to start, and a parameter that is none of its choices, throws InvalidPipeline.
// Not modelled: the sandbox, plugins' own rules, agents, unstable results.

import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.BinaryExpression
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.CompilationFailedException

class InvalidPipeline extends RuntimeException {
	InvalidPipeline(String message) { super(message) }
}

class StepFailed extends RuntimeException {
	StepFailed(String message) { super(message) }
}

class Aborted extends RuntimeException {
	Aborted(String message) { super(message) }
}

class Form {
	static final STEPS = ['archiveArtifacts', 'deleteDir', 'dir', 'echo', 'error', 'input', 'lock', 'mail', 'script', 'sh',
		'timeout', 'withCredentials', 'withEnv'] as Set
	static final CONDITIONS = ['always', 'success', 'failure', 'aborted', 'unstable', 'changed', 'cleanup'] as Set
	static final WITHIN = [
		pipeline: ['agent', 'parameters', 'options', 'environment', 'stages', 'post'] as Set,
		stages: ['stage'] as Set,
		stage: ['agent', 'when', 'options', 'environment', 'steps', 'stages', 'post'] as Set,
		post: CONDITIONS,
		when: ['expression', 'not', 'allOf', 'anyOf'] as Set,
		not: ['expression', 'not', 'allOf', 'anyOf'] as Set,
		allOf: ['expression', 'not', 'allOf', 'anyOf'] as Set,
		anyOf: ['expression', 'not', 'allOf', 'anyOf'] as Set,
		parameters: ['choice', 'string', 'booleanParam'] as Set,
		options: ['disableConcurrentBuilds', 'buildDiscarder', 'timeout', 'lock'] as Set,
		steps: STEPS,
	]

	static void check(String text) {
		def nodes
		try {
			nodes = new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, text)
		} catch (CompilationFailedException e) {
			throw new InvalidPipeline("syntax: ${e.message}")
		}
		def calls = nodes[0].statements.findAll { isCall(it, 'pipeline') }
		if (calls.size() != 1)
			throw new InvalidPipeline('one pipeline block is needed')
		section('pipeline', calls[0].expression)
	}

	static boolean isCall(statement, name = null) {
		statement instanceof ExpressionStatement && statement.expression instanceof MethodCallExpression &&
			(name == null || statement.expression.methodAsString == name)
	}

	static List body(MethodCallExpression call) {
		def closure = call.arguments.expressions.find { it instanceof ClosureExpression }
		if (!closure)
			throw new InvalidPipeline("line ${call.lineNumber}: ${call.methodAsString} needs a block")
		closure.code.statements
	}

	static void section(String kind, MethodCallExpression call) {
		def names = []
		for (statement in body(call)) {
			if (!isCall(statement))
				throw new InvalidPipeline("line ${statement.lineNumber}: only directives and steps may stand in ${kind}")
			def name = statement.expression.methodAsString
			if (!(name in WITHIN[kind]))
				throw new InvalidPipeline("line ${statement.lineNumber}: ${name} may not stand in ${kind}")
			if (name in names && kind in ['pipeline', 'stage', 'post'])
				throw new InvalidPipeline("line ${statement.lineNumber}: ${name} stands twice in ${kind}")
			names << name
			within(name, kind, statement.expression)
		}
		if (names.isEmpty())
			throw new InvalidPipeline("line ${call.lineNumber}: ${kind} is empty")
		if (kind == 'pipeline' && !names.containsAll(['agent', 'stages']))
			throw new InvalidPipeline('pipeline needs agent and stages')
		if (kind == 'stage' && names.count { it in ['steps', 'stages'] } != 1)
			throw new InvalidPipeline("line ${call.lineNumber}: a stage needs either steps or stages")
	}

	static void within(String name, String parent, MethodCallExpression call) {
		if (name == 'environment')
			body(call).each {
				if (!(it instanceof ExpressionStatement && it.expression instanceof BinaryExpression))
					throw new InvalidPipeline("line ${it.lineNumber}: environment takes assignments only")
			}
		else if (parent == 'post')
			section('steps', call)
		else if (WITHIN.containsKey(name) && parent != 'steps')
			section(name, call)
	}
}

// Takes the directives of one block as a list of [name, arguments].
class Directives {
	List found = []
	PipelineRun run

	def methodMissing(String name, args) {
		found << [name, args as List]
		[name, args as List]
	}

	def propertyMissing(String name) {
		name == 'params' ? run.params : name == 'env' ? run.env : name
	}
}

class Assignments {
	Map found
	PipelineRun run

	void setProperty(String name, value) {
		if (name in ['found', 'run'])
			this.@"$name" = value
		else
			found[name] = value.toString()
	}

	def propertyMissing(String name) {
		name == 'params' ? run.params : run.env
	}
}

class PipelineRun {
	String text
	Map setting
	Map params = [:]
	Map env = [BUILD_URL: 'http://jenkins.example/job/1/']
	List events = []
	List dirs = []
	List stages = []
	List inside = []
	String result = 'SUCCESS'
	Steps script

	PipelineRun(String text, Map setting) {
		this.text = text
		this.setting = setting
		env.putAll(setting.env ?: [:])
	}

	Map run() {
		script = compiled(text).newInstance()
		script.setRun(this)
		script.run()
		[result: result, events: events]
	}

	static final Map<String, Class> CLASSES = [:]

	static Class compiled(String text) {
		CLASSES.computeIfAbsent(text) {
			Form.check(text)
			def config = new CompilerConfiguration(scriptBaseClass: Steps.name)
			new GroovyClassLoader(PipelineRun.classLoader, config).parseClass(text)
		}
	}

	void event(String step, Object args) {
		events << [stage: stages ? stages.last() : '', step: step, args: args, dir: dirs.join('/'),
			env: new LinkedHashMap(env), inside: new ArrayList(inside)]
	}

	List directives(Closure block) {
		def taken = new Directives(run: this)
		def closure = (Closure) block.clone()
		closure.delegate = taken
		closure.resolveStrategy = Closure.DELEGATE_ONLY
		closure()
		taken.found
	}

	def steps(Closure block) {
		def closure = (Closure) block.clone()
		closure.delegate = script
		closure.resolveStrategy = Closure.DELEGATE_ONLY
		closure()
	}

	void pipeline(Closure block) {
		def parts = directives(block).collectEntries { [(it[0]): it[1][0]] }
		if (parts.parameters)
			takeParameters(directives(parts.parameters))
		if (parts.options)
			directives(parts.options).each { event('option', it) }
		assign(parts.environment)
		directives(parts.stages).each { stage(it[1][0], it[1][1]) }
		if (parts.post)
			post(parts.post)
	}

	void takeParameters(List declared) {
		def given = new LinkedHashMap(setting.params ?: [:])
		for (parameter in declared) {
			def (kind, args) = parameter
			def spec = args[0]
			def value = given.containsKey(spec.name) ? given.remove(spec.name) :
				kind == 'choice' ? spec.choices[0] : spec.defaultValue
			if (kind == 'choice' && !(value in spec.choices))
				throw new InvalidPipeline("${value} is no choice of ${spec.name}")
			if (kind == 'booleanParam' && !(value instanceof Boolean))
				throw new InvalidPipeline("${spec.name} is a boolean")
			params[spec.name] = value
			env[spec.name] = value.toString()
		}
		if (given)
			throw new InvalidPipeline("no parameter ${given.keySet()}")
		params = params.asImmutable()
	}

	void assign(Closure block) {
		if (!block)
			return
		def closure = (Closure) block.clone()
		closure.delegate = new Assignments(found: env, run: this)
		closure.resolveStrategy = Closure.DELEGATE_ONLY
		closure()
	}

	void stage(String name, Closure block) {
		if (result != 'SUCCESS')
			return
		def parts = directives(block).collectEntries { [(it[0]): it[1][0]] }
		stages << name
		try {
			if (parts.when && !directives(parts.when).every { holds(it) })
				return
			def options = parts.options ? directives(parts.options) : []
			options.each { event('option', it) }
			inside.addAll(options.collect { it[0] })
			assign(parts.environment)
			if (parts.steps)
				guarded { steps(parts.steps) }
			else
				directives(parts.stages).each { stage(it[1][0], it[1][1]) }
			options.each { inside.pop() }
		} finally {
			stages.pop()
		}
	}

	boolean holds(List condition) {
		def (kind, args) = condition
		if (kind == 'expression')
			return steps(args[0])
		def inner = directives(args[0]).collect { holds(it) }
		kind == 'not' ? !inner[0] : kind == 'allOf' ? inner.every() : inner.any()
	}

	void guarded(Closure action) {
		try {
			action()
		} catch (StepFailed e) {
			result = 'FAILURE'
			event('failed', e.message)
		} catch (Aborted e) {
			result = 'ABORTED'
			event('aborted', e.message)
		}
	}

	void post(Closure block) {
		def parts = directives(block).collectEntries { [(it[0]): it[1][0]] }
		stages << 'post'
		for (condition in ['always', result.toLowerCase(), 'cleanup'])
			if (parts[condition])
				guarded { steps(parts[condition]) }
		stages.pop()
	}
}

abstract class Steps extends Script {
	PipelineRun run

	def getParams() { run.params }
	def getEnv() { run.env }

	void pipeline(Closure block) { run.pipeline(block) }

	def script(Closure block) { block() }

	def sh(args) {
		def command = (args instanceof Map ? args.script : args).toString()
		run.event('sh', command)
		if (run.setting.abort && command =~ run.setting.abort)
			throw new Aborted('by somebody')
		def failed = run.setting.fail && command =~ run.setting.fail
		if (args instanceof Map && args.returnStatus)
			return failed ? 1 : 0
		if (failed)
			throw new StepFailed("script returned exit code 1: ${command}")
		null
	}

	def error(message) { throw new StepFailed(message.toString()) }
	def echo(message) { run.event('echo', message.toString()) }
	def mail(Map args) { run.event('mail', args.collectEntries { k, v -> [(k): v.toString()] }) }
	def deleteDir() { run.event('deleteDir', run.dirs.join('/')) }
	def archiveArtifacts(Map args) { run.event('archive', args.artifacts.toString()) }
	def string(Map args) { args }

	def input(Map args) {
		run.event('input', [message: args.message.toString(), submitter: args.submitter])
		def answer = run.setting.input
		if (answer == 'abort')
			throw new Aborted('Rejected')
		if (args.parameters && answer == null)
			return args.parameters[0].defaultValue
		args.parameters ? answer : null
	}

	def dir(String name, Closure block) { nested('dir', { run.dirs << name }, { run.dirs.pop() }, block) }
	def timeout(Map args, Closure block) { nested('timeout', {}, {}, block) }
	def lock(Map args, Closure block) { nested('lock', {}, {}, block) }

	def withCredentials(List bindings, Closure block) {
		run.event('credentials', bindings.collect { it.credentialsId })
		nested('credentials', {}, {}, block)
	}

	def withEnv(List assignments, Closure block) {
		def before = new LinkedHashMap(run.env)
		assignments.each { def (k, v) = it.toString().split('=', 2) as List; run.env[k] = v }
		nested('env', {}, { run.env.clear(); run.env.putAll(before) }, block)
	}

	def nested(String what, Closure enter, Closure leave, Closure block) {
		run.inside << what
		enter()
		try {
			block()
		} finally {
			leave()
			run.inside.pop()
		}
	}

	def methodMissing(String name, args) {
		throw new InvalidPipeline("no step ${name}")
	}
}
